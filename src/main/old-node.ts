/**
 * Whether this Node is too old. MAIN THREAD, before anything else is loaded: an old Node stumbles over what it does not know with a
 * stack trace that says nothing, or worse, runs until it meets it. So this file and the one that loads it use nothing new.
 */

/** The oldest version that the tests run on; `engines` in package.json says the same. */
const OLDEST = [20, 19] as const;

/** What to tell the user of that version of Node; null where it is new enough. */
export function oldNode(version: string): string | null {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return null;
  const oldest = OLDEST.join(".");
  return `kvcast: error: Node ${version} is too old; kvcast needs Node ${oldest} or later, and runs on 20, 22 and 24\n`;
}
