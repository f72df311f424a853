#!/usr/bin/env node
/**
 * The `kvcast` command. MAIN THREAD. The only file that reads the process's arguments and environment, and the only one that
 * ends the process: everything below returns an exit code.
 */
import { runCli } from "./cli/program.ts";

// A reader that has gone away, as in `kvcast help | head -1`, is no reason to die with a stack trace.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

const code = await runCli({
  argv: process.argv.slice(2),
  env: process.env,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
});
// Waits for what is still in stdout's buffer; libraries may hold handles, so the end does not come by itself.
process.stdout.write("", () => process.exit(code));
