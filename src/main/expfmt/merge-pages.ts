/**
 * Several pages as one: each family once and in one piece, whichever pages it is on. ANY THREAD.
 *
 * The pages before win: a family that a later one types otherwise is left out of it, and so is a series that is there already.
 */
import type { ExpositionFamily } from "./family.ts";
import { FamilyTable, KEEP_ALL } from "./family-table.ts";
import type { ExpositionPage } from "./page-parser.ts";
import { noRefusals, type RefusalCounts } from "./refusal.ts";
import { SeriesFilter } from "./series-filter.ts";

export interface MergedPages {
  readonly families: readonly ExpositionFamily[];
  /** What merging left out of each page, on top of what its reading did. */
  readonly refused: readonly RefusalCounts[];
}

interface Growing {
  readonly first: ExpositionFamily;
  help: string | null;
  readonly lines: Uint8Array[];
  hasTimestamps: boolean;
  /** Null while only one page has the family, and where no two pages can have the same series. */
  filter: SeriesFilter | null;
}

/** `areDistinct`: a label that every series has tells the pages apart, so that none of them need be compared. */
export function mergePages(pages: readonly ExpositionPage[], areDistinct: boolean): MergedPages {
  const [only] = pages;
  if (only !== undefined && pages.length === 1) return { families: only.families, refused: [noRefusals()] };
  const table = new FamilyTable(KEEP_ALL);
  const byName = new Map<string, Growing>();
  const refused = pages.map(({ families }) => {
    const counts = noRefusals();
    for (const family of families) {
      const refusal = table.type(family.name, family.type);
      if (refusal !== null) counts[refusal] += lineCount(family);
      else counts.duplicate_series += add(byName, family, areDistinct);
    }
    return counts;
  });
  const families = Array.from(byName.values(), ({ first, help, lines, hasTimestamps }) => ({
    name: first.name,
    type: first.type,
    help,
    lines,
    hasTimestamps,
  }));
  return { families, refused };
}

/** Returns how many of its lines were there already. */
function add(byName: Map<string, Growing>, family: ExpositionFamily, areDistinct: boolean): number {
  const there = byName.get(family.name);
  if (there === undefined) {
    const { help, lines, hasTimestamps } = family;
    byName.set(family.name, { first: family, help, lines: [...lines], hasTimestamps, filter: null });
    return 0;
  }
  there.help ??= family.help;
  there.hasTimestamps ||= family.hasTimestamps;
  if (areDistinct) {
    there.lines.push(...family.lines);
    return 0;
  }
  if (there.filter === null) {
    there.filter = new SeriesFilter();
    there.filter.keepNew(there.lines);
  }
  const { lines, dropped } = there.filter.keepNew(family.lines);
  there.lines.push(...lines);
  return dropped;
}

function lineCount({ lines }: ExpositionFamily): number {
  let count = 0;
  for (const piece of lines) for (const byte of piece) if (byte === 0x0a) count++;
  return count;
}
