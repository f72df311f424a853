/**
 * Two engines, one clean stream, in one command: starts two `kvcast serve` with the same made-up traffic, a `kvcast consolidate`
 * that subscribes to both, and a `kvcast tail` on what comes out.
 *
 *   node dist/examples/consolidate.js [--events N]
 *
 * Each engine stores N blocks, all of them the same, so the stream holds N events and not twice as many. Ends when these have
 * been printed; talk goes to stderr. It is a program that starts programs: to run the parts by hand, see the lines it prints.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const KVCAST = fileURLToPath(new URL("../src/main/index.js", import.meta.url));
const { values } = parseArgs({ options: { events: { type: "string", default: "20" } } });
const children: ChildProcess[] = [];

/** Starts a command of kvcast, with JSON logs; resolves with the record that says where it publishes. */
async function start(name: string, args: readonly string[]): Promise<string> {
  const shown = args.map((arg) => (arg.includes("?") ? `"${arg}"` : arg)).join(" ");
  process.stderr.write(`$ kvcast ${shown}\n`);
  const child = spawn(process.execPath, [KVCAST, ...args, "--log-format", "json"], {
    stdio: ["ignore", "inherit", "pipe"],
  });
  children.push(child);
  for await (const line of createInterface({ input: child.stderr })) {
    const record: { readonly zmq_endpoint?: unknown; readonly msg?: unknown } = line.startsWith("{")
      ? JSON.parse(line)
      : { msg: line };
    if (typeof record.zmq_endpoint === "string") {
      child.stderr.resume();
      return record.zmq_endpoint;
    }
    process.stderr.write(`${name}: ${String(record.msg)}\n`);
  }
  throw new Error(`${name} ended before it published`);
}

async function run(): Promise<void> {
  // Each holds its first event until somebody subscribes, so that nobody misses any.
  const held = ["--wait-subscribers", "1", "--system-port", "-1"];
  const traffic = `synthetic:?events=${values.events}&rate=200&blocks=1&removed=0&seed=1`;
  const engine = ["serve", "--engine", traffic, "--zmq-endpoint", "tcp://127.0.0.1:0", "--clear-on-start", "off"];
  const first = await start("first engine", [...engine, ...held]);
  const second = await start("second engine", [...engine, ...held]);
  const sources = ["--engine-endpoint", `trtllm=${first}`, "--engine-endpoint", `trtllm=${second}`];
  const output = await start("consolidator", [
    "consolidate",
    ...sources,
    "--output-endpoint",
    "tcp://127.0.0.1:0",
    ...held,
  ]);
  process.stderr.write(`$ kvcast tail ${output} --count ${values.events}\n`);
  const tail = spawn(process.execPath, [KVCAST, "tail", output, "--count", values.events], { stdio: "inherit" });
  children.push(tail);
  const [code] = (await once(tail, "exit")) as [number | null];
  process.exitCode = code ?? 1;
}

try {
  await run();
} finally {
  for (const child of children) child.kill();
}
