/** Programs of the build as a user runs them: arguments in, two streams and an exit code out. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

export const KVCAST: string = fileURLToPath(new URL("../../src/main/index.js", import.meta.url));

export type Child = ChildProcessByStdio<null, Readable, Readable>;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** Starts node with this environment and no other, so that the tester's own variables do not change the outcome. */
export function startNode(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  node: string = process.execPath,
): Child {
  return spawn(node, args, {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

export function startKvcast(args: readonly string[], env: Readonly<Record<string, string>> = {}): Child {
  return startNode([KVCAST, ...args], env);
}

/** All that it says until its end. */
export async function end(child: Child): Promise<Ended> {
  const [out, err, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code, signal, out, err };
}
