/**
 * JSON with whole numbers of 64 bits, as Dynamo's programs write and read it. MAIN THREAD; pure.
 *
 * `JSON.parse` rounds numbers beyond 2^53. Those with sixteen digits or more become texts of digits here before it sees them; fields
 * that are such numbers take either.
 */

import { parseBoundedJson } from "../bounded-json.ts";

/** Texts are passed over; a number with a fraction or an exponent is none of those meant. */
const LONG_INTEGERS = /"(?:[^"\\]|\\.)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;

export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [key: string]: Json };

/** Throws SyntaxError, also for what nests too deep. Long integers are texts of digits. */
export function parseBigJson(text: string): unknown {
  // First as it is: in what is no JSON a text may have no end, and each quote would be taken for a beginning of one.
  const plain = parseBoundedJson(text);
  if (!/\d{16}/.test(text)) return plain;
  return JSON.parse(text.replace(LONG_INTEGERS, (found) => (found.startsWith('"') ? found : `"${found}"`)));
}

/** A whole number of `bits` bits, signed or not, as an unsigned BigInt; null when it is none. */
export function u64Of(value: unknown): bigint | null {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt.asUintN(64, BigInt(value)) : null;
  if (typeof value !== "string" || !/^-?\d{1,20}$/.test(value)) return null;
  const whole = BigInt(value);
  return whole >= -(2n ** 63n) && whole < 2n ** 64n ? BigInt.asUintN(64, whole) : null;
}

/** The same of one that has no sign: ids of workers and events. */
export function unsignedOf(value: unknown): bigint | null {
  const isNegative = typeof value === "number" ? value < 0 : typeof value === "string" && value.startsWith("-");
  return isNegative ? null : u64Of(value);
}

/** BigInts are written as numbers. */
export function bigJson(value: Json): string {
  if (typeof value === "bigint") return String(value);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isList(value)) return `[${value.map((entry) => bigJson(entry)).join(",")}]`;
  return `{${Object.entries(value)
    .map(([key, entry]) => `${JSON.stringify(key)}:${bigJson(entry)}`)
    .join(",")}}`;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
