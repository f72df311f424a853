/** Lines of series that are not there yet. ANY THREAD. */
import { LINE_FEED } from "./bytes.ts";
import { SampleScanner } from "./sample-scanner.ts";
import { nameHashHi, nameHashLo } from "./series-hash.ts";
import { SeriesSet } from "./series-set.ts";

export interface Kept {
  readonly lines: readonly Uint8Array[];
  /** How many lines were left out. */
  readonly dropped: number;
}

/** Knows the series that went through it. The lines are whole, and well: a parser, or we ourselves, wrote them. */
export class SeriesFilter {
  readonly #scanner: SampleScanner = new SampleScanner();
  readonly #seen: SeriesSet = new SeriesSet();

  keepNew(lines: readonly Uint8Array[]): Kept {
    const kept: Uint8Array[] = [];
    let dropped = 0;
    for (const piece of lines) {
      let from = 0;
      for (let start = 0; start < piece.length;) {
        const feed = piece.indexOf(LINE_FEED, start);
        const end = feed < 0 ? piece.length : feed;
        if (!this.#isNew(piece, start, end)) {
          dropped++;
          if (start > from) kept.push(piece.subarray(from, start));
          from = end + 1;
        }
        start = end + 1;
      }
      if (from < piece.length) kept.push(piece.subarray(from));
    }
    return { lines: kept, dropped };
  }

  #isNew(bytes: Uint8Array, start: number, end: number): boolean {
    const scanner = this.#scanner;
    if (scanner.name(bytes, start, end) !== null || scanner.labels(bytes, end) !== null) return false;
    const { nameFrom, nameTo, labelsLo, labelsHi } = scanner;
    const lo = nameHashLo(bytes, nameFrom, nameTo) + labelsLo;
    const hi = nameHashHi(bytes, nameFrom, nameTo) + labelsHi;
    return this.#seen.add(lo | 0, hi | 0);
  }
}
