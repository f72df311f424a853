/**
 * Elements of lists at places that are known to be there. Any thread; pure.
 *
 * The type of `list[i]` says that there may be none. Where the code before has seen to it that there is one, this says so, and holds it:
 * a place beyond the end is a bug that shows here, not as an `undefined` further on. For lists of objects; numbers of typed arrays are
 * read in place, where the engine knows the kind of the array.
 */
import { LayoutError } from "./errors.ts";

/** Throws LayoutError where there is none. */
export function elementAt<T>(list: readonly T[], index: number): T {
  const element = list[index];
  if (element === undefined) throw new LayoutError(`there is nothing at ${index} of a list of ${list.length}`);
  return element;
}
