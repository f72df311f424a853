/**
 * Why a body was refused, in words for the one who has to find out. MAIN THREAD.
 *
 * A message names the place (entry, counted from 0 as in the list, and byte offset in the body), never the content: the
 * body is full of tokens and salts.
 */
import { OPEN_BRACE } from "./json-cursor.ts";
import { type Fault, isNumberStart, QUOTE } from "./json-lexer.ts";

export type RefusalCode = Fault | "empty_body" | "truncated" | "not_array" | "trailing_data";

export interface ScanError {
  /** `decode`: this is no JSON. `schema`: it is JSON, but nothing that a drain answers. */
  readonly reason: "decode" | "schema";
  readonly code: RefusalCode;
  /** Offset in the whole body of the byte that cannot be; the body's length when one is missing. */
  readonly offset: number;
  readonly message: string;
}

/** Where the scan stood. */
export interface Place {
  readonly offset: number;
  /** Entries that were complete. */
  readonly entries: number;
  /** Inside of an entry, not between two. */
  readonly inEntry: boolean;
  /** The byte that cannot be. */
  readonly byte: number;
}

const FAULT_IN_ENTRY: Readonly<Record<Fault, string>> = {
  bad_value: "no JSON value where one is expected",
  bad_key: "expected a key and a colon",
  bad_separator: "expected a comma or a closing bracket",
  bad_string: "a control character in a string",
  bad_escape: "an unknown escape in a string",
  bad_number: "a number that JSON does not allow",
  too_deep: "nested too deep",
};

export function describeRefusal(code: RefusalCode, place: Place): ScanError {
  const isSchema = code === "too_deep" || (code === "not_array" && startsValue(place.byte));
  return { reason: isSchema ? "schema" : "decode", code, offset: place.offset, message: messageOf(code, place) };
}

function messageOf(code: RefusalCode, place: Place): string {
  const at = `at byte ${place.offset}`;
  switch (code) {
    case "empty_body":
      return "body is empty";
    case "not_array":
      return `body is not a JSON array but starts with ${classOf(place.byte)}`;
    case "trailing_data":
      return `body goes on after the list was closed, ${at}`;
    case "truncated":
      if (place.inEntry) return `body ends inside entry ${place.entries}, ${at}`;
      return `body ends before the list is closed, after ${place.entries} entries, ${at}`;
    case "bad_separator":
      if (!place.inEntry) return `expected ',' or ']' after entry ${place.entries - 1}, ${at}`;
      break;
    case "bad_value":
    case "bad_key":
    case "bad_string":
    case "bad_escape":
    case "bad_number":
    case "too_deep":
      break;
  }
  return `${FAULT_IN_ENTRY[code]} in entry ${place.entries}, ${at}`;
}

function startsValue(byte: number): boolean {
  return byte === OPEN_BRACE || byte === QUOTE || isNumberStart(byte) || "tfn".includes(String.fromCharCode(byte));
}

/** The kind of thing that starts with this byte; the byte itself only where it can say nothing about the content. */
function classOf(byte: number): string {
  if (byte === OPEN_BRACE) return "an object";
  if (byte === QUOTE) return "a string";
  if (isNumberStart(byte)) return "a number";
  if (byte === "<".charCodeAt(0)) return "'<', as HTML does";
  if (byte < 0x20 || byte === 0x7f) return "a control character";
  if (byte >= 0x80) return "a byte that is not ASCII";
  return "plain text";
}
