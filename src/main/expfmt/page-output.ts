/**
 * The lines that a page's reading leaves, and where each family has its own. ANY THREAD.
 *
 * Lines that go on as they came, one behind the other, are copied together: a run of them is only noted until it breaks. A
 * block that is full stays as it is and another one is begun, so that nothing is copied twice.
 */
import { copy, LINE_FEED, SPACE, type Viewed, viewed } from "./bytes.ts";
import type { FamilyEntry } from "./family-table.ts";
import type { LabelInjection } from "./label-injection.ts";
import type { SampleScanner } from "./sample-scanner.ts";
import { elementAt } from "../../shared/element.ts";

const BLOCK_BYTES = 64 * 1024;

export class PageOutput {
  readonly #blocks: Uint8Array[] = [];
  /** The last block, and how much of it is written. */
  #block: Viewed = viewed(new Uint8Array(0));
  #length: number = 0;
  #runBytes: Uint8Array | null = null;
  #runFamily: FamilyEntry | null = null;
  #runFrom: number = 0;
  #runTo: number = 0;

  /** The line of `bytes` in [`start`, `end`), with the line feed at `end`, as it is. The bytes must stay until `flush()`. */
  pass(bytes: Uint8Array, start: number, end: number, family: FamilyEntry): void {
    if (family === this.#runFamily && start === this.#runTo && bytes === this.#runBytes) {
      this.#runTo = end + 1;
      return;
    }
    this.flush();
    this.#runBytes = bytes;
    this.#runFamily = family;
    this.#runFrom = start;
    this.#runTo = end + 1;
  }

  /** The scanned line under another name, or with other labels, and without a blank too many. */
  write(bytes: Buffer, scanner: SampleScanner, injection: LabelInjection, name: Viewed, family: FamilyEntry): void {
    this.flush();
    const { source, nameTo, numberFrom, numberTo, timestampFrom, timestampTo } = scanner;
    this.#reserve(name.bytes.length + timestampTo - nameTo + injection.maxBytes + 3);
    const out = this.#block;
    const start = this.#length;
    let at = copy(name, 0, name.bytes.length, out, start);
    at = injection.write(bytes, scanner, out, at);
    out.bytes[at++] = SPACE;
    at = copy(source, numberFrom, numberTo, out, at);
    if (timestampTo > timestampFrom) {
      out.bytes[at++] = SPACE;
      at = copy(source, timestampFrom, timestampTo, out, at);
    }
    out.bytes[at++] = LINE_FEED;
    this.#grown(family, start, at);
  }

  /** Takes over what was passed; the bytes are their owner's again. */
  flush(): void {
    const bytes = this.#runBytes;
    const family = this.#runFamily;
    if (bytes === null || family === null) return;
    this.#runBytes = null;
    this.#runFamily = null;
    const length = this.#runTo - this.#runFrom;
    this.#reserve(length);
    const start = this.#length;
    this.#block.bytes.set(bytes.subarray(this.#runFrom, this.#runTo), start);
    this.#grown(family, start, start + length);
  }

  /** All lines of a family, in pieces. */
  linesOf({ segments }: FamilyEntry): readonly Uint8Array[] {
    const lines: Uint8Array[] = [];
    for (let i = 0; i < segments.length; i += 3) {
      const block = elementAt(this.#blocks, segments[i] as number);
      lines.push(block.subarray(segments[i + 1], segments[i + 2]));
    }
    return lines;
  }

  #grown({ segments }: FamilyEntry, start: number, end: number): void {
    this.#length = end;
    const block = this.#blocks.length - 1;
    if (segments.at(-1) === start && segments.at(-3) === block) segments[segments.length - 1] = end;
    else segments.push(block, start, end);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#block.bytes.length) return;
    this.#block = viewed(Buffer.allocUnsafe(Math.max(BLOCK_BYTES, count)));
    this.#blocks.push(this.#block.bytes);
    this.#length = 0;
  }
}
