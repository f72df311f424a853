/** The numbers of the text format, checked as bytes: a value is handed on as it was written. ANY THREAD. */

const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const LOWER_CASE = 0x20;
const LOWER_E = 0x65;

const MAX_VALUE_BYTES = 64;
const MAX_TIMESTAMP_DIGITS = 16;
const WORDS = ["inf", "infinity"].map((word) => Buffer.from(word));
const NAN = Buffer.from("nan");

/** A decimal number, or NaN, or an infinity, in any case. Hexadecimal and underscores, which some parsers take, are not. */
export function isValue(bytes: Uint8Array, from: number, end: number): boolean {
  if (end - from > MAX_VALUE_BYTES) return false;
  const first = bytes[from];
  const unsigned = first === PLUS || first === MINUS ? from + 1 : from;
  const integerEnd = endOfDigits(bytes, unsigned, end);
  let at = integerEnd;
  let digits = integerEnd - unsigned;
  if (bytes[at] === POINT && at < end) {
    const fraction = at + 1;
    at = endOfDigits(bytes, fraction, end);
    digits += at - fraction;
  }
  if (digits === 0) return isWord(bytes, unsigned, end) || (unsigned === from && is(bytes, from, end, NAN));
  if (at === end) return true;
  if (((bytes[at] as number) | LOWER_CASE) !== LOWER_E) return false;
  const sign = bytes[at + 1];
  const exponent = sign === PLUS || sign === MINUS ? at + 2 : at + 1;
  return exponent < end && endOfDigits(bytes, exponent, end) === end;
}

/** Milliseconds since 1970, whole. */
export function isTimestamp(bytes: Uint8Array, from: number, end: number): boolean {
  const digits = bytes[from] === MINUS ? from + 1 : from;
  return end > digits && end - digits <= MAX_TIMESTAMP_DIGITS && endOfDigits(bytes, digits, end) === end;
}

function endOfDigits(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && (bytes[at] as number) >= ZERO && (bytes[at] as number) <= NINE) at++;
  return at;
}

function isWord(bytes: Uint8Array, from: number, end: number): boolean {
  return WORDS.some((word) => is(bytes, from, end, word));
}

function is(bytes: Uint8Array, from: number, end: number, word: Uint8Array): boolean {
  if (end - from !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (((bytes[from + i] as number) | LOWER_CASE) !== word[i]) return false;
  return true;
}
