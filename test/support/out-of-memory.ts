/** Ends the calling worker thread by its heap limit, within a tenth of a second. */
export function runOutOfMemory(): never {
  const hoard: unknown[] = [];
  for (let i = 0; ; i++) hoard.push(Array.from({ length: 1000 }).fill(`${i}`.repeat(1000)).join(""));
}
