/**
 * An index thread that a system call holds when it is to end, as a disk that hangs would: it opens the pipe `pipe` of the
 * state directory, which takes until somebody opens the other end. Nothing can end a thread meanwhile.
 */
import { closeSync, openSync } from "node:fs";
import path from "node:path";
import { workerData } from "node:worker_threads";
import { STOP } from "../../src/shared/ring-layout.ts";
import { RingIndexer } from "../../src/shared/ring-indexer.ts";

const { stateDir } = workerData as { readonly stateDir: string };

// oxlint-disable-next-line typescript/unbound-method -- called with its object below
const { peek } = RingIndexer.prototype;
RingIndexer.prototype.peek = function (): number {
  if (this.memory.stop() !== STOP.run) closeSync(openSync(path.join(stateDir, "pipe"), "r"));
  return peek.call(this);
};

await import("../../src/workers/indexer.ts");
