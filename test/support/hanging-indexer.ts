/** An index thread that takes its first slot and never comes back; its successor is sound. See `dying-indexer.ts`. */
import { RingIndexer } from "../../src/shared/ring-indexer.ts";
import { CONTROL } from "../../src/shared/ring-layout.ts";

const SPARE_WORD = CONTROL.stop + 29;

// oxlint-disable-next-line typescript/unbound-method -- called with its object below
const { release } = RingIndexer.prototype;
RingIndexer.prototype.release = function (slot: number): void {
  if (Atomics.add(this.memory.words, SPARE_WORD, 1) === 0) for (;;);
  release.call(this, slot);
};

await import("../../src/workers/indexer.ts");
