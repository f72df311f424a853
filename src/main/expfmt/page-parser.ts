/**
 * Reads a page of the Prometheus text format, version 0.0.4, that comes from outside, in pieces of any size. ANY THREAD.
 *
 *   bytes ─► lines ─► name mapped, filtered ─► family ─► labels injected ─► known already? ─► the family's lines
 *
 * What comes out can be printed as it is: families in one piece, HELP and TYPE once, no series twice, nothing that a strict
 * reader would stop at. Each line that is refused is counted by reason and costs only itself. Work and memory are bounded by
 * the bytes that are pushed and the limits in `refusal.ts`.
 */
import { copy, HASH, LINE_FEED, skipBlanks, SPACE } from "./bytes.ts";
import { readComment } from "./comment-line.ts";
import type { ExpositionFamily } from "./family.ts";
import { type FamilyEntry, FamilyTable, KEEP_ALL, type NameFilter, passes } from "./family-table.ts";
import { LabelInjection } from "./label-injection.ts";
import { isValue } from "./number-text.ts";
import { MAX_LINE_BYTES, MAX_SERIES, noRefusals, type Refusal, type RefusalCounts } from "./refusal.ts";
import { hashOfName, SampleScanner } from "./sample-scanner.ts";
import { SeriesSet } from "./series-set.ts";

const INITIAL_OUTPUT_BYTES = 64 * 1024;
const BUCKET_BOUND = Buffer.from("le");
const QUANTILE = Buffer.from("quantile");
const NAME_SEED = 0x9e3779b9;

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

/** What is known of a sample's name, once and for all lines that have it. */
interface Target {
  readonly family: FamilyEntry | null;
  readonly refusal: Refusal | null;
  readonly name: Buffer;
  readonly nameLo: number;
  readonly nameHi: number;
  /** Label without which a sample of this name makes no sense. */
  readonly needs: Buffer | null;
}

export class PageParser {
  readonly #scanner: SampleScanner;
  readonly #injection: LabelInjection;
  readonly #injects: boolean;
  readonly #filter: NameFilter;
  readonly #mapName: (name: string) => string;
  readonly #isOwn: (name: string) => boolean;
  readonly #maxSeries: number;
  readonly #table: FamilyTable;
  readonly #series: SeriesSet = new SeriesSet();
  readonly #refused: RefusalCounts = noRefusals();
  readonly #targets: Map<string, Target> = new Map();
  /** Of the line before: as a rule the next one has the same name. */
  #lastName: Buffer = Buffer.alloc(0);
  #lastTarget: Target | null = null;
  /** The begin of a line whose rest is still to come. */
  readonly #carry: Buffer = Buffer.allocUnsafe(MAX_LINE_BYTES);
  #carried: number = 0;
  #skipping: boolean = false;
  #out: Buffer = Buffer.allocUnsafe(INITIAL_OUTPUT_BYTES);
  #length: number = 0;
  #bytes: number = 0;

  constructor(options: PageOptions = {}) {
    this.#scanner = options.scanner ?? new SampleScanner();
    this.#injection = options.injection ?? new LabelInjection({});
    this.#injects = options.injection !== undefined;
    this.#filter = options.filter ?? KEEP_ALL;
    this.#mapName = options.mapName ?? ((name): string => name);
    this.#isOwn = options.isOwn ?? ((): boolean => false);
    this.#maxSeries = options.maxSeries ?? MAX_SERIES;
    this.#table = new FamilyTable(this.#filter);
  }

  /** The bytes are the caller's again when it returns. */
  push(chunk: Buffer): void {
    this.#bytes += chunk.length;
    let start = 0;
    if (this.#carried > 0 || this.#skipping) {
      start = chunk.indexOf(LINE_FEED) + 1;
      if (start === 0) return this.#keep(chunk);
      this.#keep(chunk.subarray(0, start - 1));
      if (!this.#skipping) this.#line(this.#carry, 0, this.#carried);
      this.#carried = 0;
      this.#skipping = false;
    }
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start);
      if (end < 0) break;
      if (end - start > MAX_LINE_BYTES) this.#refused.too_long++;
      else this.#line(chunk, start, end);
      start = end + 1;
    }
    return this.#keep(chunk.subarray(start));
  }

  end(): ExpositionPage {
    const out = this.#out;
    const families: ExpositionFamily[] = [];
    for (const { name, type, help, isKept, isTyped, samples, segments, hasTimestamps } of this.#table.families) {
      if (!isKept || (samples === 0 && !isTyped)) continue;
      const lines: Uint8Array[] = [];
      for (let i = 0; i < segments.length; i += 2) lines.push(out.subarray(segments[i], segments[i + 1]));
      families.push({ name, type, help, lines, hasTimestamps });
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
    const name = this.#mapName(said.name);
    if (!this.#isLineKept(name)) return null;
    if (this.#isOwn(name)) return "own_name";
    if (said.kind === "HELP") return this.#table.help(name, said.text);
    // What samples are may change with it.
    this.#targets.clear();
    this.#lastTarget = null;
    return this.#table.type(name, said.type);
  }

  #sample(bytes: Buffer, start: number, end: number): Refusal | null {
    const scanner = this.#scanner;
    const nameRefusal = scanner.name(bytes, start, end);
    if (nameRefusal !== null) return nameRefusal;
    const target = this.#targetOf(bytes, scanner.nameFrom, scanner.nameTo);
    if (target.refusal !== null || target.family === null) return target.refusal;
    const refusal = scanner.labels(bytes, end) ?? scanner.tail(bytes, end) ?? this.#missing(bytes, target);
    if (refusal !== null) return refusal;
    if (this.#injects) this.#injection.apply(bytes, scanner);
    if (this.#series.size === this.#maxSeries) return "too_many_series";
    const lo = (scanner.labelsLo + target.nameLo) | 0;
    const hi = (scanner.labelsHi + target.nameHi) | 0;
    if (!this.#series.add(lo, hi)) return "duplicate_series";
    this.#write(bytes, end, target.family, target.name);
    return null;
  }

  /** A bucket has a bound, a quantile its place. */
  #missing(bytes: Buffer, { needs }: Target): Refusal | null {
    if (needs === null) return null;
    const i = this.#scanner.indexOf(bytes, needs);
    const { valueFrom, valueTo } = this.#scanner;
    return i >= 0 && isValue(bytes, valueFrom[i] as number, valueTo[i] as number) ? null : "labels";
  }

  #targetOf(bytes: Buffer, from: number, to: number): Target {
    const last = this.#lastName;
    if (this.#lastTarget !== null && last.length === to - from && last.compare(bytes, from, to) === 0) {
      return this.#lastTarget;
    }
    const written = Buffer.from(bytes.subarray(from, to));
    const text = written.toString("latin1");
    const target = this.#targets.get(text) ?? this.#find(text);
    this.#lastName = written;
    this.#lastTarget = target;
    return target;
  }

  #find(written: string): Target {
    const mapped = this.#mapName(written);
    const name = Buffer.from(mapped);
    const nameLo = hashOfName(name, 0, name.length, 0);
    const nameHi = hashOfName(name, 0, name.length, NAME_SEED);
    const found = this.#judged(mapped);
    const isRefused = typeof found === "string";
    const target: Target = {
      family: isRefused || found?.isKept !== true ? null : found,
      refusal: isRefused ? found : null,
      name,
      nameLo,
      nameHi,
      needs: isRefused || found === null ? null : neededLabel(found, mapped),
    };
    // Of names that are refused or left out there may be any number; they are looked at anew each time.
    if (target.family !== null) this.#targets.set(written, target);
    return target;
  }

  #judged(name: string): FamilyEntry | Refusal | null {
    if (!this.#isLineKept(name)) return null;
    const family = this.#table.familyOf(name);
    if (typeof family === "string" || !family.isKept) return family;
    return this.#isOwn(family.name) || this.#isOwn(name) ? "own_name" : family;
  }

  #isLineKept(name: string): boolean {
    return this.#filter.by === "family" || passes(name, this.#filter);
  }

  #write(bytes: Buffer, end: number, family: FamilyEntry, name: Buffer): void {
    const scanner = this.#scanner;
    const { nameTo, numberFrom, numberTo, timestampFrom, timestampTo } = scanner;
    const start = this.#length;
    this.#reserve(name.length + end - nameTo + this.#injection.maxBytes + 3);
    const out = this.#out;
    let at = copy(name, 0, name.length, out, start);
    if (this.#injects || !scanner.isCanonical) {
      at = this.#injection.write(bytes, scanner, out, at);
      out[at++] = SPACE;
      at = copy(bytes, numberFrom, numberTo, out, at);
      if (timestampTo > timestampFrom) {
        out[at++] = SPACE;
        at = copy(bytes, timestampFrom, timestampTo, out, at);
      }
    } else {
      at = copy(bytes, nameTo, end, out, at);
    }
    out[at++] = LINE_FEED;
    this.#length = at;
    family.samples++;
    family.hasTimestamps ||= timestampTo > timestampFrom;
    const { segments } = family;
    if (segments.at(-1) === start) segments[segments.length - 1] = at;
    else segments.push(start, at);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#out.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#out.length * 2, this.#length + count));
    this.#out.copy(larger, 0, 0, this.#length);
    this.#out = larger;
  }
}

function neededLabel(family: FamilyEntry, name: string): Buffer | null {
  if (family.type === "histogram" && name === `${family.name}_bucket`) return BUCKET_BOUND;
  return family.type === "summary" && name === family.name ? QUANTILE : null;
}
