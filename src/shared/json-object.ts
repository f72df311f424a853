/** What is in parsed JSON that anybody may have written. BOTH SIDES; pure. */

export type Fields = Readonly<Record<string, unknown>>;

/** The value as an object; an empty one for anything else, lists too. */
export function objectOf(value: unknown): Fields {
  return fieldsOf(value) ?? {};
}

/** The value as an object; null for anything else, lists too. */
export function fieldsOf(value: unknown): Fields | null {
  return isFields(value) ? value : null;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A whole number from 0 on, as far as it is exact. A minus is refused before a zero too, as serde does it. */
export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
}
