/** A body through a scanner of lists, in chunks, as its sources do it: what is in each chunk is taken before the next comes. */

/** The part of a scanner that is needed. */
interface Scanner<Entry, Step extends string> {
  begin(): void;
  push(chunk: Uint8Array): void;
  end(): void;
  next(entry: Entry): Step | "event";
}

/** Calls `onEntry` for each entry, which is in `entry` then; returns what the scanner says at the end. */
export function scanList<Entry, Step extends string>(
  scanner: Scanner<Entry, Step>,
  entry: Entry,
  chunks: readonly Uint8Array[],
  onEntry: () => void,
): Step {
  const drain = (): Step => {
    for (;;) {
      const step = scanner.next(entry);
      if (step === "event") onEntry();
      else return step;
    }
  };
  scanner.begin();
  for (const chunk of chunks) {
    scanner.push(chunk);
    drain();
  }
  scanner.end();
  return drain();
}
