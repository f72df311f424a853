/**
 * Keys as text: Z85, 40 characters, which is what libzmq and its bindings take, and hexadecimal, 64 characters, which needs
 * no quotes in a shell and no escapes in an address. MAIN THREAD; pure.
 */

export const KEY_BYTES = 32;
export const Z85_KEY_LENGTH = 40;
const HEX_KEY = /^[0-9a-f]{64}$/i;
const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
const BASE = 85;
/** Five characters stand for four bytes. */
const GROUP_BYTES = 4;
const GROUP_LENGTH = 5;
const VALUES: ReadonlyMap<string, number> = new Map(
  Array.from({ length: BASE }, (_, value) => [ALPHABET.charAt(value), value]),
);

/** `key` is 32 bytes long. */
export function keyToZ85(key: Buffer): string {
  let text = "";
  for (let at = 0; at < KEY_BYTES; at += GROUP_BYTES) {
    let value = key.readUInt32BE(at);
    let group = "";
    for (let i = 0; i < GROUP_LENGTH; i++) {
      group = ALPHABET.charAt(value % BASE) + group;
      value = Math.floor(value / BASE);
    }
    text += group;
  }
  return text;
}

/** The 32 bytes of a key in Z85; null for what is none. */
export function keyFromZ85(text: string): Buffer | null {
  if (text.length !== Z85_KEY_LENGTH) return null;
  const key = Buffer.alloc(KEY_BYTES);
  for (let group = 0; group * GROUP_BYTES < KEY_BYTES; group++) {
    let value = 0;
    for (let i = 0; i < GROUP_LENGTH; i++) {
      value = value * BASE + (VALUES.get(text.charAt(group * GROUP_LENGTH + i)) ?? Number.NaN);
    }
    // Five characters can say more than four bytes hold.
    if (!(value <= 0xffff_ffff)) return null;
    key.writeUInt32BE(value, group * GROUP_BYTES);
  }
  return key;
}

/** The 32 bytes of a key in either way of writing it; null for what is none. */
export function keyFromText(text: string): Buffer | null {
  return HEX_KEY.test(text) ? Buffer.from(text, "hex") : keyFromZ85(text);
}
