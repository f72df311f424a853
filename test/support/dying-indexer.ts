/**
 * An index thread that dies once, at its third slot. Whether it has is kept in a spare word of the ring, because a dead thread
 * remembers nothing.
 */
import { RingIndexer } from "../../src/shared/ring-indexer.ts";
import { CONTROL } from "../../src/shared/ring-layout.ts";

/** On the stop word's line, beside the one that other tests use. */
const SPARE_WORD = CONTROL.stop + 30;
const DIES_AT_SLOT = 3;

// oxlint-disable-next-line typescript/unbound-method -- called with its object below
const { release } = RingIndexer.prototype;
RingIndexer.prototype.release = function (slot: number): void {
  if (Atomics.add(this.memory.words, SPARE_WORD, 1) + 1 === DIES_AT_SLOT) throw new Error("thrown by a test");
  release.call(this, slot);
};

await import("../../src/workers/indexer.ts");
