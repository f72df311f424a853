/** The types of values that name a place in NATS: parts of subjects, streams, worker ids. MAIN THREAD, at start only. */
import { notAllowed } from "./option-spec.ts";
import type { Place, ValueType } from "./option-spec.ts";

const MAX_U64: bigint = 2n ** 64n - 1n;
const MAX_PART_CHARACTERS = 128;

/** One part of a subject. What a subject cannot hold is percent-encoded there, so most characters are allowed. */
export const subjectPart: ValueType<string> = {
  placeholder: "NAME",
  takes: `1 to ${MAX_PART_CHARACTERS} printable characters without spaces`,
  parse(text: string, place: Place): string {
    if (!/^[\u0021-\u007e\u00a1-\u{10ffff}]+$/u.test(text) || text.length > MAX_PART_CHARACTERS) {
      throw notAllowed(place, text, subjectPart.takes);
    }
    return text;
  },
};

/** As the server wants it: no separators, no wildcards. */
export const streamName: ValueType<string> = {
  placeholder: "STREAM",
  takes: "1 to 128 letters, digits, dashes and underscores",
  parse(text: string, place: Place): string {
    if (!/^[\w-]{1,128}$/.test(text)) throw notAllowed(place, text, streamName.takes);
    return text;
  },
};

export const plainName: ValueType<string> = {
  placeholder: "NAME",
  takes: "1 to 256 characters on one line",
  parse(text: string, place: Place): string {
    if (!/^[^\0\r\n]{1,256}$/.test(text)) throw notAllowed(place, text, plainName.takes);
    return text;
  },
};

export const u64: ValueType<bigint> = {
  placeholder: "ID",
  takes: `a whole number from 0 to ${MAX_U64}`,
  json: {
    anyOf: [
      { type: "integer", minimum: 0 },
      { type: "string", pattern: String.raw`^\s*\d{1,20}\s*$` },
    ],
  },
  parse(text: string, place: Place): bigint {
    const value = /^\d{1,20}$/.test(text.trim()) ? BigInt(text.trim()) : -1n;
    if (value < 0n || value > MAX_U64) throw notAllowed(place, text, u64.takes);
    return value;
  },
};
