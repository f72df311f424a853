/**
 * Reads a page of the Prometheus text format, version 0.0.4, that comes from outside, in pieces of any size. ANY THREAD.
 *
 *   bytes ─► lines ─► name mapped, filtered ─► family ─► labels injected ─► known already? ─► the family's lines
 *
 * What comes out can be printed as it is: families in one piece, HELP and TYPE once, no series twice, nothing that a strict
 * reader would stop at. Each line that is refused is counted by reason and costs only itself. Work and memory are bounded by
 * the bytes that are pushed and the limits in `refusal.ts`.
 */
import { HASH, LINE_FEED, skipBlanks } from "./bytes.ts";
import { readComment } from "./comment-line.ts";
import type { ExpositionFamily } from "./family.ts";
import { FamilyTable, KEEP_ALL, type NameFilter } from "./family-table.ts";
import { LabelInjection } from "./label-injection.ts";
import { indexOfLabel } from "./label-names.ts";
import { isValue } from "./number-text.ts";
import { PageOutput } from "./page-output.ts";
import { MAX_LINE_BYTES, MAX_SERIES, noRefusals, type Refusal, type RefusalCounts } from "./refusal.ts";
import { SampleScanner } from "./sample-scanner.ts";
import { type NameRules, SampleTargets, type Target } from "./sample-targets.ts";
import { SeriesSet } from "./series-set.ts";

export interface PageOptions {
  /** Default: all is kept. */
  readonly filter?: NameFilter;
  /** The name under which a family or a sample goes on. Called once a name. Default: its own. */
  readonly mapName?: (name: string) => string;
  /** Names that no page from outside may use; asked with the mapped name. */
  readonly isOwn?: (name: string) => boolean;
  /** Default: one of its own, without a seed. Not for two parsers whose pushes mix. */
  readonly scanner?: SampleScanner;
  /** Made with that scanner. */
  readonly injection?: LabelInjection;
  readonly maxSeries?: number;
}

export interface ExpositionPage {
  readonly families: readonly ExpositionFamily[];
  readonly series: number;
  /** Bytes that were read. */
  readonly bytes: number;
  readonly refused: Readonly<RefusalCounts>;
  /** The last line had its end. A page without was cut off. */
  readonly isWhole: boolean;
  /** Every series got all injected labels: none had one of them already. */
  readonly gotAllLabels: boolean;
}

export class PageParser {
  readonly #scanner: SampleScanner;
  readonly #injection: LabelInjection;
  readonly #injects: boolean;
  readonly #rules: NameRules;
  readonly #maxSeries: number;
  readonly #table: FamilyTable;
  readonly #series: SeriesSet = new SeriesSet();
  readonly #refused: RefusalCounts = noRefusals();
  readonly #targets: SampleTargets;
  readonly #output: PageOutput = new PageOutput();
  /** The begin of a line whose rest is still to come, with room for its line feed. */
  readonly #carry: Buffer = Buffer.allocUnsafe(MAX_LINE_BYTES + 1);
  #carried: number = 0;
  #skipping: boolean = false;
  #bytes: number = 0;

  constructor(options: PageOptions = {}) {
    this.#scanner = options.scanner ?? new SampleScanner();
    this.#injection = options.injection ?? new LabelInjection({});
    this.#injects = options.injection !== undefined;
    const { filter = KEEP_ALL, mapName = (name): string => name, isOwn = (): boolean => false } = options;
    this.#rules = { filter, mapName, isOwn };
    this.#maxSeries = options.maxSeries ?? MAX_SERIES;
    this.#table = new FamilyTable(filter);
    this.#targets = new SampleTargets(this.#table, this.#rules);
  }

  /** The bytes are the caller's again when it returns. */
  push(chunk: Buffer): void {
    this.#bytes += chunk.length;
    let start = 0;
    if (this.#carried > 0 || this.#skipping) {
      start = chunk.indexOf(LINE_FEED) + 1;
      if (start === 0) return this.#keep(chunk);
      this.#keep(chunk.subarray(0, start - 1));
      this.#carriedLine();
      this.#skipping = false;
    }
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start);
      if (end < 0) break;
      if (end - start > MAX_LINE_BYTES) this.#refused.too_long++;
      else this.#line(chunk, start, end);
      start = end + 1;
    }
    this.#output.flush();
    return this.#keep(chunk.subarray(start));
  }

  end(): ExpositionPage {
    const families: ExpositionFamily[] = [];
    for (const family of this.#table.families) {
      const { name, type, help, isKept, isTyped, samples, hasTimestamps } = family;
      if (!isKept || (samples === 0 && !isTyped)) continue;
      families.push({ name, type, help, lines: this.#output.linesOf(family), hasTimestamps });
    }
    return {
      families,
      series: this.#series.size,
      bytes: this.#bytes,
      refused: this.#refused,
      isWhole: this.#carried === 0 && !this.#skipping,
      gotAllLabels: this.#injects && !this.#injection.foundOne,
    };
  }

  /** The line that began in pieces before. */
  #carriedLine(): void {
    if (!this.#skipping) {
      this.#carry[this.#carried] = LINE_FEED;
      this.#line(this.#carry, 0, this.#carried);
      this.#output.flush();
    }
    this.#carried = 0;
  }

  #keep(rest: Buffer): void {
    if (this.#skipping || rest.length === 0) return;
    if (this.#carried + rest.length > MAX_LINE_BYTES) {
      this.#skipping = true;
      this.#refused.too_long++;
      return;
    }
    this.#carry.set(rest, this.#carried);
    this.#carried += rest.length;
  }

  #line(bytes: Buffer, start: number, end: number): void {
    const first = skipBlanks(bytes, start, end);
    if (first === end) return;
    const refusal = bytes[first] === HASH ? this.#comment(bytes.subarray(first, end)) : this.#sample(bytes, first, end);
    if (refusal !== null) this.#refused[refusal]++;
  }

  #comment(bytes: Buffer): Refusal | null {
    const said = readComment(bytes);
    if (said === null || typeof said === "string") return said;
    const name = this.#rules.mapName(said.name);
    if (!this.#targets.isLineKept(name)) return null;
    if (this.#rules.isOwn(name)) return "own_name";
    if (said.kind === "HELP") return this.#table.help(name, said.text);
    this.#targets.forget();
    return this.#table.type(name, said.type);
  }

  #sample(bytes: Buffer, start: number, end: number): Refusal | null {
    const scanner = this.#scanner;
    const target = this.#targets.of(bytes, start, end, scanner);
    if (typeof target === "string") return target;
    const { family, name } = target;
    if (target.refusal !== null || family === null) return target.refusal;
    const refusal = scanner.labels(bytes, end) ?? scanner.tail(bytes, end) ?? this.#missing(bytes, target);
    if (refusal !== null) return refusal;
    if (this.#injects) this.#injection.apply(bytes, scanner);
    if (this.#series.size === this.#maxSeries) return "too_many_series";
    const lo = (scanner.labelsLo + target.nameLo) | 0;
    const hi = (scanner.labelsHi + target.nameHi) | 0;
    if (!this.#series.add(lo, hi)) return "duplicate_series";
    family.samples++;
    family.hasTimestamps ||= scanner.timestampTo > scanner.timestampFrom;
    if (this.#injects || target.isRenamed || !scanner.isCanonical) {
      this.#output.write(bytes, scanner, this.#injection, name, family);
    } else {
      this.#output.pass(bytes, start, end, family);
    }
    return null;
  }

  /** A bucket has a bound, a quantile its place. */
  #missing(bytes: Buffer, { needs }: Target): Refusal | null {
    if (needs === null) return null;
    const i = indexOfLabel(bytes, this.#scanner, needs);
    const { valueFrom, valueTo } = this.#scanner;
    return i >= 0 && isValue(bytes, valueFrom[i] as number, valueTo[i] as number) ? null : "labels";
  }
}
