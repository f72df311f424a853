/**
 * Families in the OpenMetrics text format, version 1.0.0. ANY THREAD.
 *
 * Names of series are the same as in the older format, bounds of buckets too: which of the two a scraper asks for must not
 * decide what its series are called. What the format demands otherwise is changed: counters are announced without `_total`,
 * timestamps are seconds, and the times of creation, which are gauges of their own in the older format, have no place.
 */
import { type ExpositionFamily, familyHead } from "./family.ts";

/** Ends a page. */
export const OPEN_METRICS_END = "# EOF\n";

const TOTAL = "_total";
const CREATED = "_created";

/** HELP and TYPE of a family; `has` knows the names on the page. */
export function openMetricsHead(
  { name, type, help }: Pick<ExpositionFamily, "name" | "type" | "help">,
  has: (name: string) => boolean,
): string {
  const isSuffixed = type === "counter" && name.length > TOTAL.length && name.endsWith(TOTAL);
  const base = isSuffixed ? name.slice(0, -TOTAL.length) : name;
  // Without its suffix a counter is none to this format, and no two families may have one name.
  const isCounter = base !== name && !has(base);
  const word = isCounter ? type : type === "counter" || type === "untyped" ? "unknown" : type;
  return familyHead({ name: isCounter ? base : name, type: word, help: help?.replaceAll('"', '\\"') ?? null });
}

/** Whether the family is the creation times of another one; `has` knows the names on the page. */
export function isCreationTimes({ name, type }: ExpositionFamily, has: (name: string) => boolean): boolean {
  if (type !== "gauge" || !name.endsWith(CREATED)) return false;
  const base = name.slice(0, -CREATED.length);
  return has(base) || has(base + TOTAL);
}

export function openMetricsLines({ lines, hasTimestamps }: ExpositionFamily): readonly Uint8Array[] {
  return hasTimestamps ? lines.map(inSeconds) : lines;
}

/** Behind the labels there are no blanks but those before value and timestamp. */
function inSeconds(piece: Uint8Array): Uint8Array {
  const text = Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString();
  return Buffer.from(
    text.replaceAll(/^(.*[} ][^ }\n]+) (-?\d+)$/gm, (_, head: string, ms: string) => `${head} ${asSeconds(ms)}`),
  );
}

function asSeconds(milliseconds: string): string {
  const sign = milliseconds.startsWith("-") ? "-" : "";
  const digits = milliseconds.replace("-", "").padStart(4, "0");
  return `${sign}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}
