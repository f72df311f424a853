/** "Did you mean": the known name nearest to one that was mistyped. MAIN THREAD, at start only. */

/** Names longer than this are not compared; no option is. */
const MAX_CHARS = 64;
/** More edits than this is another word, not a typing mistake. */
const MAX_EDITS = 3;

/** The nearest of `known`, or undefined when none is near. Case, leading dashes and `_` for `-` do not count as edits. */
export function nearest(text: string, known: Iterable<string>): string | undefined {
  const typed = plain(text);
  if (typed.length === 0 || typed.length > MAX_CHARS) return undefined;
  let best: string | undefined;
  // A short name is another word after fewer edits.
  let bestEdits = Math.min(MAX_EDITS, Math.floor(typed.length / 3)) + 1;
  for (const candidate of known) {
    const name = plain(candidate);
    // Each character too many is an edit, so most need no closer look.
    if (Math.abs(name.length - typed.length) >= bestEdits) continue;
    const edits = editDistance(typed, name);
    if (edits < bestEdits) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}

/** ` (did you mean X?)`, or nothing. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const found = nearest(name, known);
  return found === undefined ? "" : ` (did you mean ${found}?)`;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/^-+/, "").replaceAll("_", "-");
}

/** Insertions, deletions and replacements that make `a` into `b`, one row of the table at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(above, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, at(above, j) + 1, at(row, j - 1) + 1));
    }
  }
  return at(row, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
