/**
 * The list of clients that may connect: a public key a line, and behind it, if one likes, whose it is. MAIN THREAD; pure.
 *
 *   # routers
 *   Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID router-a
 *   54fcba24e93249969316fb617c872bb0c1d1ff14800427c594cbfacf1bc2d652 router-b
 *
 * A # is also a character of Z85, but no key begins with it: what it would stand for there is more than four bytes hold.
 */
import { KvcastError } from "../../shared/errors.ts";
import { keyFromText } from "./z85.ts";

export const MAX_ALLOW_FILE_BYTES: number = 1024 * 1024;
const MAX_KEYS = 10_000;

/** Why a list cannot be used: the line and what is wrong there. */
export class AllowListError extends KvcastError {
  constructor(message: string) {
    super("KVCAST_ALLOW_LIST", message);
  }
}

/** The keys, each as 64 hexadecimal digits. Throws AllowListError with the line, and never some of the keys. */
export function parseAllowList(text: string): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const [index, raw] of text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const key = keyFromText(/^\S*/.exec(line)?.[0] ?? "");
    if (key === null) {
      throw new AllowListError(
        `line ${index + 1} does not begin with a public key, which has 40 characters (Z85) or 64 hexadecimal digits`,
      );
    }
    if (keys.size === MAX_KEYS) throw new AllowListError(`line ${index + 1}: more than ${MAX_KEYS} keys`);
    keys.add(key.toString("hex"));
  }
  return keys;
}
