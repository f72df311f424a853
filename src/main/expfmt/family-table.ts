/**
 * The families of one page while it is read: which family a sample belongs to, and what may be said of it when. ANY THREAD.
 *
 * A page that contradicts itself must not contradict itself on ours: the first word about a family counts, and a name belongs
 * to one family only.
 */
import { baseName, type FamilyType, suffixesOf } from "./family.ts";
import { MAX_NAMES, type Refusal } from "./refusal.ts";

/** By the first letters; an empty `include` means all. */
export interface NameFilter {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Which name is judged: of the whole family, or of each line for itself, as Dynamo's Python does. */
  readonly by: "family" | "line";
}

export const KEEP_ALL: NameFilter = { include: [], exclude: [], by: "family" };

export function passes(name: string, { include, exclude }: NameFilter): boolean {
  if (exclude.some((prefix) => name.startsWith(prefix))) return false;
  return include.length === 0 || include.some((prefix) => name.startsWith(prefix));
}

export class FamilyEntry {
  readonly name: string;
  /** The filter leaves it in. */
  readonly isKept: boolean;
  type: FamilyType = "untyped";
  /** A TYPE line was there. */
  isTyped: boolean = false;
  help: string | null = null;
  samples: number = 0;
  hasTimestamps: boolean = false;
  /** Where its lines are in the page's output: a block, and from where to where in it; one behind the other. */
  readonly segments: number[] = [];

  constructor(name: string, isKept: boolean) {
    this.name = name;
    this.isKept = isKept;
  }
}

export type Found = FamilyEntry | Refusal;

export class FamilyTable {
  readonly #byName: Map<string, FamilyEntry> = new Map();
  readonly #filter: NameFilter;

  constructor(filter: NameFilter) {
    this.#filter = filter;
  }

  /** In the order in which the page first spoke of them. */
  get families(): Iterable<FamilyEntry> {
    return this.#byName.values();
  }

  /** What a HELP line says; the first one counts. */
  help(name: string, text: string): Refusal | null {
    const family = this.#declared(name);
    if (typeof family === "string") return family;
    family.help ??= text;
    return null;
  }

  /** What a TYPE line says. Saying the same again is no contradiction. */
  type(name: string, type: FamilyType): Refusal | null {
    const family = this.#declared(name);
    if (typeof family === "string") return family;
    if (family.isTyped) return family.type === type ? null : "type_conflict";
    if (family.samples > 0) return "type_conflict";
    // Its samples would have names that are other families' already.
    if (suffixesOf(type).some((suffix) => this.#byName.has(name + suffix))) return "type_conflict";
    family.type = type;
    family.isTyped = true;
    return null;
  }

  /** The family of a sample; without a TYPE line it has one of its own. */
  familyOf(sample: string): Found {
    const exact = this.#byName.get(sample);
    if (exact !== undefined) return exact.type === "histogram" ? "type_conflict" : exact;
    return this.#typedBase(sample) ?? this.#make(sample);
  }

  #declared(name: string): Found {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    return this.#typedBase(name) === null ? this.#make(name) : "type_conflict";
  }

  /** The histogram or summary that has samples of that name. */
  #typedBase(sample: string): FamilyEntry | null {
    const base = baseName(sample);
    const family = base === null ? undefined : this.#byName.get(base);
    if (base === null || family === undefined) return null;
    return suffixesOf(family.type).includes(sample.slice(base.length)) ? family : null;
  }

  #make(name: string): Found {
    if (this.#byName.size === MAX_NAMES) return "too_many_series";
    const family = new FamilyEntry(name, this.#filter.by === "line" || passes(name, this.#filter));
    this.#byName.set(name, family);
    return family;
  }
}
