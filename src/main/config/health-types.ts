/** How the values of health options are written. MAIN THREAD, at start only. */
import { notAllowed, type Place, type ValueType } from "./option-spec.ts";

/** The path of a route: what an HTTP client sends, and nothing that a router would read as more than that. */
export const routePath: ValueType<string> = {
  placeholder: "PATH",
  takes: "a path such as /health, of letters, digits and - _ . ~ /",
  parse(text: string, place: Place): string {
    const path = text.trim();
    if (!/^(?:\/[\w.~-]+)+$/.test(path) || path.length > 200) throw notAllowed(place, text, routePath.takes);
    return path;
  },
};

/** Names of endpoints, as Dynamo's operator writes them: a JSON list, or with commas between. */
export const endpointNames: ValueType<readonly string[]> = {
  placeholder: "LIST",
  takes: 'names of endpoints, as ["generate"] or with commas between',
  parse(text: string, place: Place): readonly string[] {
    const names = namesIn(text.trim());
    if (names === null || names.some((name) => !/^[\w.-]{1,64}$/.test(name))) {
      throw notAllowed(place, text, endpointNames.takes);
    }
    return Object.freeze(names);
  },
};

function namesIn(text: string): string[] | null {
  if (!text.startsWith("[")) return text.split(",").map((name) => name.trim());
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((name) => typeof name === "string") ? list : null;
  } catch {
    return null;
  }
}

/** What a variable of Dynamo holds that its engine monitor reads: seconds, with its own ideas of what is wrong with them. */
export interface LenientSeconds {
  /** Undefined where the text is none, which counts as not set. */
  readonly seconds: number | undefined;
  /** What the reference would say of it; null for nothing. */
  readonly warning: string | null;
}

/** Reads it by the reference's rules: what is no number is left alone, what is below 0 is 0. */
export function lenientSeconds(name: string, text: string): LenientSeconds {
  const value = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) return { seconds: undefined, warning: `Invalid ${name}; using default` };
  if (value < 0) return { seconds: 0, warning: `${name} is negative; using 0` };
  return { seconds: value, warning: null };
}
