/**
 * Where the samples of a page go, by the name that they have on it: found out once a name, not once a line. ANY THREAD.
 */
import { type Viewed, viewed } from "./bytes.ts";
import { type FamilyEntry, type FamilyTable, type NameFilter, passes } from "./family-table.ts";
import type { Refusal } from "./refusal.ts";
import type { SampleScanner } from "./sample-scanner.ts";
import { nameHashHi, nameHashLo } from "./series-hash.ts";

const BUCKET_BOUND = Buffer.from("le");
const RECENT = 3;
const QUANTILE = Buffer.from("quantile");

/** What is known of a sample's name, once and for all lines that have it. */
export interface Target {
  readonly family: FamilyEntry | null;
  readonly refusal: Refusal | null;
  /** As it stands on the page, and under which it goes on. */
  readonly written: Viewed;
  readonly name: Viewed;
  readonly isRenamed: boolean;
  readonly nameLo: number;
  readonly nameHi: number;
  /** Label without which a sample of this name makes no sense. */
  readonly needs: Uint8Array | null;
}

export interface NameRules {
  readonly filter: NameFilter;
  readonly mapName: (name: string) => string;
  readonly isOwn: (name: string) => boolean;
}

export class SampleTargets {
  readonly #table: FamilyTable;
  readonly #rules: NameRules;
  readonly #byName: Map<string, Target> = new Map();
  /** Of lines before: as a rule the next one has the name of one of them. A histogram has three. */
  readonly #recent: Target[] = [];
  #oldest: number = 0;

  constructor(table: FamilyTable, rules: NameRules) {
    this.#table = table;
    this.#rules = rules;
  }

  /** The target of the line in [`start`, `end`), whose name it has scanned; a refusal where it has none. */
  of(bytes: Buffer, start: number, end: number, scanner: SampleScanner): Target | Refusal {
    for (const recent of this.#recent) if (scanner.hasName(bytes, start, end, recent.written)) return recent;
    const refusal = scanner.name(bytes, start, end);
    if (refusal !== null) return refusal;
    const text = bytes.toString("latin1", scanner.nameFrom, scanner.nameTo);
    const target = this.#byName.get(text) ?? this.#find(text);
    this.#recent[this.#oldest] = target;
    this.#oldest = (this.#oldest + 1) % RECENT;
    return target;
  }

  /** A TYPE line came: what samples are may change with it. */
  forget(): void {
    this.#byName.clear();
    this.#recent.length = 0;
    this.#oldest = 0;
  }

  isLineKept(name: string): boolean {
    const { filter } = this.#rules;
    return filter.by === "family" || passes(name, filter);
  }

  #find(written: string): Target {
    const mapped = this.#rules.mapName(written);
    const name = Buffer.from(mapped);
    const found = this.#judged(mapped);
    const isRefused = typeof found === "string";
    const target: Target = {
      family: isRefused || found?.isKept !== true ? null : found,
      refusal: isRefused ? found : null,
      written: viewed(Buffer.from(written)),
      name: viewed(name),
      isRenamed: mapped !== written,
      nameLo: nameHashLo(name, 0, name.length),
      nameHi: nameHashHi(name, 0, name.length),
      needs: isRefused || found === null ? null : neededLabel(found, mapped),
    };
    // Of names that are refused or left out there may be any number; they are looked at anew each time.
    if (target.family !== null) this.#byName.set(written, target);
    return target;
  }

  #judged(name: string): FamilyEntry | Refusal | null {
    if (!this.isLineKept(name)) return null;
    const family = this.#table.familyOf(name);
    if (typeof family === "string" || !family.isKept) return family;
    const { isOwn } = this.#rules;
    return isOwn(family.name) || isOwn(name) ? "own_name" : family;
  }
}

function neededLabel(family: FamilyEntry, name: string): Uint8Array | null {
  if (family.type === "histogram" && name === `${family.name}_bucket`) return BUCKET_BOUND;
  return family.type === "summary" && name === family.name ? QUANTILE : null;
}
