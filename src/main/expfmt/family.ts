/** A metric family of a page: what HELP and TYPE say, and its lines. ANY THREAD; data. */

export const FAMILY_TYPES = ["counter", "gauge", "histogram", "summary", "untyped"] as const;
export type FamilyType = (typeof FAMILY_TYPES)[number];

/** The type by its word on a TYPE line; undefined for words that the text format does not have. */
export function familyType(word: string): FamilyType | undefined {
  if (word === "unknown") return "untyped";
  return FAMILY_TYPES.find((type) => type === word);
}

export interface ExpositionFamily {
  readonly name: string;
  readonly type: FamilyType;
  /** As it stands on the page, escaped; null when the page has none. */
  readonly help: string | null;
  /** Whole lines, ready to be printed, in pieces. */
  readonly lines: readonly Uint8Array[];
  readonly hasTimestamps: boolean;
}

const NO_SUFFIXES: readonly string[] = [];
const SUMMARY_SUFFIXES: readonly string[] = ["_sum", "_count"];
const HISTOGRAM_SUFFIXES: readonly string[] = ["_bucket", ...SUMMARY_SUFFIXES];

/** What the samples of a family have behind its name. */
export function suffixesOf(type: FamilyType): readonly string[] {
  if (type === "histogram") return HISTOGRAM_SUFFIXES;
  return type === "summary" ? SUMMARY_SUFFIXES : NO_SUFFIXES;
}

/** The name without the suffix of a histogram's or summary's sample; null when it has none. */
export function baseName(sample: string): string | null {
  const suffix = HISTOGRAM_SUFFIXES.find((each) => sample.endsWith(each));
  return suffix === undefined || suffix.length === sample.length ? null : sample.slice(0, -suffix.length);
}

export interface FamilyHead {
  readonly name: string;
  /** The word for it in the format that is printed. */
  readonly type: string;
  readonly help: string | null;
}

/** HELP and TYPE. */
export function familyHead({ name, type, help }: FamilyHead): string {
  return `${help === null ? "" : `# HELP ${name} ${help}\n`}# TYPE ${name} ${type}\n`;
}
