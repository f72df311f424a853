/**
 * The types of values that options have in common: whole numbers, sizes, seconds, words of a list. MAIN THREAD, at start
 * only. Each is strict: what it does not understand is an error with the range and the unit, never a guess.
 */
import { notAllowed } from "./option-spec.ts";
import type { JsonSchema, Place, ValueType } from "./option-spec.ts";

export const KIB = 1024;
export const MIB: number = KIB ** 2;
export const GIB: number = KIB ** 3;
const DECIMAL_PATTERN = String.raw`^\s*\d{1,16}(\.\d{1,16})?\s*$`;
const SIZE_PATTERN = String.raw`^\s*\d{1,16}\s*([kKmMgG]([iI]?[bB]?)?)?\s*$`;
const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["k", KIB],
  ["m", MIB],
  ["g", GIB],
]);

export interface Range {
  readonly min: number;
  readonly max: number;
  /** Plural noun: `tokens`. */
  readonly unit?: string;
}

/** Whole numbers in decimal digits. */
export function integer(range: Range): ValueType<number> {
  const takes = `a whole number${of(range)} from ${range.min} to ${range.max}`;
  return {
    placeholder: "N",
    takes,
    json: {
      anyOf: [{ type: "integer", minimum: range.min, maximum: range.max }, digits(String.raw`^\s*-?\d{1,16}\s*$`)],
    },
    parse(text: string, place: Place): number {
      const trimmed = text.trim();
      const value = /^-?\d{1,16}$/.test(trimmed) ? Number(trimmed) : Number.NaN;
      if (!(value >= range.min && value <= range.max)) throw notAllowed(place, text, takes);
      return value + 0; // -0 becomes 0
    },
  };
}

/** Numbers that may have a fraction. */
export function decimal(range: Range): ValueType<number> {
  const takes = `a number${of(range)} from ${range.min} to ${range.max}`;
  return {
    placeholder: "X",
    takes,
    json: { anyOf: [{ type: "number", minimum: range.min, maximum: range.max }, digits(DECIMAL_PATTERN)] },
    parse(text: string, place: Place): number {
      const value = decimalOf(text);
      if (!(value >= range.min && value <= range.max)) throw notAllowed(place, text, takes);
      return value;
    },
  };
}

/** Seconds outside, whole milliseconds inside. */
export function seconds(min: number, max: number): ValueType<number> {
  const inner = decimal({ min, max, unit: "seconds" });
  return {
    placeholder: "S",
    takes: inner.takes,
    ...(inner.json === undefined ? {} : { json: inner.json }),
    parse: (text: string, place: Place): number => Math.round(inner.parse(text, place) * 1000),
  };
}

/** Bytes, plain or with a binary suffix. The result is rounded up to a multiple of `multipleOf`. */
export function bytes(min: number, max: number, multipleOf: number = 1): ValueType<number> {
  const takes = `a number of bytes from ${sizeText(min)} to ${sizeText(max)}, plain or with KiB, MiB or GiB`;
  return {
    placeholder: "BYTES",
    takes,
    json: { anyOf: [{ type: "integer", minimum: min, maximum: max }, digits(SIZE_PATTERN)] },
    parse(text: string, place: Place): number {
      // "256MB" is refused: half of the world reads it as 10^6.
      const match = /^(\d{1,16})\s*(?:([kmg])(?:ib?)?)?$/i.exec(text.trim());
      const unit = SIZE_UNITS.get((match?.[2] ?? "").toLowerCase());
      const value = match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit;
      const rounded = Math.ceil(value / multipleOf) * multipleOf;
      if (!(value >= min && rounded <= max)) throw notAllowed(place, text, takes);
      return rounded;
    },
  };
}

/** One word of a list, exactly. */
export function oneOf<const T extends string>(values: readonly T[]): ValueType<T> {
  const takes = `one of ${values.join(", ")}`;
  return {
    placeholder: values.join("|"),
    takes,
    // The second is for spaces around it, which editors need not offer.
    json: { anyOf: [{ enum: [...values] }, { type: "string", pattern: wordPattern(values) }] },
    parse(text: string, place: Place): T {
      const found = values.find((value) => value === text.trim());
      if (found === undefined) throw notAllowed(place, text, takes);
      return found;
    },
  };
}

/** Any text of at most `maxBytes` bytes of UTF-8. */
export function shortText(placeholder: string, maxBytes: number): ValueType<string> {
  const takes = `text of at most ${maxBytes} bytes`;
  return {
    placeholder,
    takes,
    parse(value: string, place: Place): string {
      if (Buffer.byteLength(value) > maxBytes) throw notAllowed(place, value, takes);
      return value;
    },
  };
}

/** The name of a file, which is read later. */
export const fileName: ValueType<string> = {
  placeholder: "FILE",
  takes: "the name of a file",
  parse(value: string, place: Place): string {
    if (value.trim() === "" || value.includes("\0")) throw notAllowed(place, value, fileName.takes);
    return value;
  },
};

/** The name of a directory, which is made when it is not there. */
export const directoryName: ValueType<string> = {
  placeholder: "DIR",
  takes: "the name of a directory",
  parse(value: string, place: Place): string {
    if (value.trim() === "" || value.includes("\0")) throw notAllowed(place, value, directoryName.takes);
    return value;
  },
};

const ON_WORDS: readonly string[] = ["on", "true", "yes", "1"];
const OFF_WORDS: readonly string[] = ["off", "false", "no", "0"];
/** In any case; patterns of JSON Schema have no flag for that. */
const SWITCH_PATTERN: string = wordPattern([...ON_WORDS, ...OFF_WORDS]).replaceAll(
  /[a-z]/g,
  (letter) => `[${letter}${letter.toUpperCase()}]`,
);

/** A switch. */
export const onOff: ValueType<boolean> = {
  placeholder: "on|off",
  takes: "on or off",
  json: { anyOf: [{ enum: [true, false, 1, 0, "on", "off"] }, { type: "string", pattern: SWITCH_PATTERN }] },
  parse(input: string, place: Place): boolean {
    const word = input.trim().toLowerCase();
    if (ON_WORDS.includes(word)) return true;
    if (OFF_WORDS.includes(word)) return false;
    throw notAllowed(place, input, onOff.takes);
  },
};

/** The same type with one more word, which stands for a value of its own. */
export function orWord<T, U>(type: ValueType<T>, word: string, value: U): ValueType<T | U> {
  const takes = `${type.takes}, or ${word}`;
  return {
    placeholder: type.placeholder,
    takes,
    ...(type.json === undefined
      ? {}
      : { json: { anyOf: [type.json, { const: word }, { type: "string", pattern: wordPattern([word]) }] } }),
    parse(input: string, place: Place): T | U {
      if (input.trim() === word) return value;
      try {
        return type.parse(input, place);
      } catch {
        throw notAllowed(place, input, takes);
      }
    },
  };
}

/** A number that is written as text. */
function digits(pattern: string): JsonSchema {
  return { type: "string", pattern };
}

/** Words as they are, with spaces around them. They have letters, digits, dashes and underscores only. */
function wordPattern(words: readonly string[]): string {
  return `^ *(${words.join("|")}) *$`;
}

/** Bytes as a person would write them, where that is exact. */
export function sizeText(value: number): string {
  for (const [unit, name] of [
    [GIB, "GiB"],
    [MIB, "MiB"],
    [KIB, "KiB"],
  ] as const) {
    if (value >= unit && value % unit === 0) return `${value / unit} ${name}`;
  }
  return String(value);
}

/** A plain decimal, or NaN. No exponents, no signs, no hexadecimal: nobody means them. */
export function decimalOf(input: string): number {
  return /^\d{1,16}(?:\.\d{1,16})?$/.test(input.trim()) ? Number(input.trim()) : Number.NaN;
}

function of(range: Range): string {
  return range.unit === undefined ? "" : ` of ${range.unit}`;
}
