/** Objects out of parsed JSON that anybody may have written. MAIN THREAD; pure. */

export type Fields = Readonly<Record<string, unknown>>;

/** The value as an object; an empty one for anything else, lists too. */
export function objectOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}
