#!/usr/bin/env node
/**
 * The `kvcast` command. MAIN THREAD. The only file that reads the process's arguments and environment, and the only one that
 * ends the process: everything below returns an exit code.
 *
 * Nothing but the look at Node's version is imported above: with an old Node, or too few open files allowed, it is the rest that
 * fails, and the user should read why.
 */
import { oldNode } from "./old-node.ts";

/** Milliseconds; the most that the flag takes, 24 days. */
const NEVER = 2_147_483_647;
/** Exit code where something outside kvcast is needed first; `EXIT.unavailable`. */
const UNAVAILABLE = 69;

// A reader that has gone away, as in `kvcast help | head -1`, is no reason to die with a stack trace.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

/** Resolves with the exit code. */
async function run(): Promise<number> {
  const refusal = oldNode(process.versions.node);
  if (refusal !== null) {
    process.stderr.write(refusal);
    return UNAVAILABLE;
  }
  const { setFlagsFromString } = await import("node:v8");
  // Eight seconds and more after a whole collection V8 begins to collect the heap of a thread that has little to do up to three times
  // more, to give back memory which the thread soon wants again: 15 to 25 ms each, in which events wait. It costs some 30 MB. Of
  // the flags that are about this, V8 looks at this one while it runs.
  setFlagsFromString(`--gc-memory-reducer-start-delay-ms=${NEVER}`);
  const { runCli } = await import("./cli/program.ts");
  return runCli({
    argv: process.argv.slice(2),
    env: process.env,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
  });
}

const code = await run().catch((error: unknown) => {
  if (!(error instanceof Error) || !("code" in error) || error.code !== "EMFILE") throw error;
  process.stderr.write("kvcast: error: too many open files (EMFILE): raise the limit (ulimit -n, LimitNOFILE=)\n");
  return UNAVAILABLE;
});
// Waits for what is still in stdout's buffer; libraries may hold handles, so the end does not come by itself.
process.stdout.write("", () => process.exit(code));
