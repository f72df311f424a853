/**
 * Bounds of an exposition page that comes from outside, and the words for what is not taken of it. ANY THREAD; data.
 *
 * A refusal costs one line. What is refused is counted by reason and never quoted: a page may hold anything.
 */
import { zeros } from "../metrics/zeros.ts";

/** Longest line; a longer one is skipped without being kept. */
export const MAX_LINE_BYTES: number = 16 * 1024;
export const MAX_NAME_BYTES = 256;
export const MAX_LABELS = 48;
export const MAX_LABEL_VALUE_BYTES = 1024;
export const MAX_HELP_BYTES = 2048;
/** Names that a page may bring, of families and of series, also those that the filter leaves out. */
export const MAX_NAMES = 4096;
/** Series that are kept of a page. */
export const MAX_SERIES = 50_000;

export const REFUSALS = [
  // Neither a comment nor a sample, or one with a name, a number or an escape that the format does not know.
  "syntax",
  "utf8",
  // A line, a name or a label value beyond its bound.
  "too_long",
  "too_many_labels",
  // A label that stands twice or has a reserved name, or a bucket without its bound.
  "labels",
  "duplicate_series",
  // A family of two types, a type behind its samples, or a sample that its family cannot have.
  "type_conflict",
  "too_many_series",
  // A name of kvcast's own.
  "own_name",
] as const;
export type Refusal = (typeof REFUSALS)[number];

export type RefusalCounts = Record<Refusal, number>;

export function noRefusals(): RefusalCounts {
  return zeros(REFUSALS);
}
