/**
 * Reads token ids that came as text. MAIN THREAD.
 *
 * The reference passes every token through Python's `int()`, so `" +1_000 "` is the token 1000 there, and here. Any
 * other text is no number: on newer engines it is the digest of a multimodal item.
 */

/** A number that is no u32. */
export const OUT_OF_RANGE = -1;

const MAX_U32 = 0xffff_ffff;
/** What Python strips; JavaScript's `\s` differs by a few characters. */
const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]*";
const INTEGER = new RegExp(`^${SPACE}([+-]?)(\\d+(?:_\\d+)*)${SPACE}$`, "u");

/** The token id, OUT_OF_RANGE, or null when the text is not an integer. */
export function tokenOfText(text: string): number | null {
  const match = INTEGER.exec(text);
  if (match === null) return null;
  const value = Number((match[2] ?? "").replaceAll("_", ""));
  if (value === 0) return 0;
  return match[1] === "-" || value > MAX_U32 ? OUT_OF_RANGE : value;
}
