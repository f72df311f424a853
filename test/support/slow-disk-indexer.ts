/**
 * An index thread whose disk takes no end of time to make anything durable, until a file `go` is in the state directory.
 * Whoever waits for it synchronously waits for longer than a thread may hang.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import path from "node:path";
import { workerData } from "node:worker_threads";

const LOOK_MS = 10;
const HANG_MS = 60_000;
const go = path.join((workerData as { readonly stateDir: string }).stateDir, "go");
let starts = 0;

const { fsync, fsyncSync } = fs;
fs.fsyncSync = (file): void => {
  // Not at the start, which takes the directory.
  if (++starts > 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, HANG_MS);
  fsyncSync(file);
};
function slowFsync(file: number, done: fs.NoParamCallback): void {
  const timer = setInterval(() => {
    if (!fs.existsSync(go)) return;
    clearInterval(timer);
    fsync(file, done);
  }, LOOK_MS);
}
Object.assign(fs, { fsync: slowFsync });
syncBuiltinESMExports();

await import("../../src/workers/indexer.ts");
