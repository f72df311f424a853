/** Families as the bytes of a page. ANY THREAD. */
import { type ExpositionFamily, familyHead } from "./family.ts";
import { isCreationTimes, openMetricsHead, openMetricsLines } from "./open-metrics.ts";

/** In the text format, version 0.0.4. */
export function printFamilies(families: readonly ExpositionFamily[]): Buffer {
  return Buffer.concat(families.flatMap((family) => [Buffer.from(familyHead(family)), ...family.lines]));
}

/** In OpenMetrics, without the end of the page; `isElsewhere` knows further names that the page has. */
export function printOpenMetrics(
  families: readonly ExpositionFamily[],
  isElsewhere: (name: string) => boolean = (): boolean => false,
): Buffer {
  const names = new Set(families.map(({ name }) => name));
  const has = (name: string): boolean => names.has(name) || isElsewhere(name);
  const parts: Uint8Array[] = [];
  for (const family of families) {
    if (isCreationTimes(family, has)) continue;
    parts.push(Buffer.from(openMetricsHead(family, has)), ...openMetricsLines(family));
  }
  return Buffer.concat(parts);
}
