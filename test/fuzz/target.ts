/** What a fuzz target is: a reader of bytes from outside, the syntax of these bytes, and what must hold whatever they are. */
import type { Syntax } from "./syntax.ts";

/** A reader with its books, fresh. Inputs come one after the other, so nothing of one may be left over in the next. */
export interface Session {
  /**
   * Reads one input. Throws for anything that is not one of the outcomes the reader promises: each error that it may make is
   * caught and checked here, and so are the books.
   */
  readonly run: (input: Uint8Array) => void | Promise<void>;
  /** Does once more what took long, where that is not what `run` does with this input a second time. */
  readonly again?: (input: Uint8Array) => Promise<void>;
  /** What must hold now and then, and is too dear for each input: series on the metrics page, say. */
  readonly check?: () => void | Promise<void>;
  readonly close?: () => void | Promise<void>;
}

export interface FuzzTarget {
  readonly name: string;
  /** What reads the bytes, for people. */
  readonly about: string;
  readonly syntax: Syntax;
  /** Longer inputs are left out; they count as read. */
  readonly maxBytes?: number;
  /** Sound inputs, of recordings where there are some. */
  readonly seeds: () => readonly Uint8Array[];
  /** More of them, made up, other ones for each number. */
  readonly made?: (seed: number) => readonly Uint8Array[];
  readonly open: () => Session | Promise<Session>;
}

/** Between the parts of an input that is made of several: frames of a message, a file and its environment. */
const SEPARATOR: Buffer = Buffer.from("\n--\n");

/** The parts of an input; any bytes have some. */
export function partsOf(input: Uint8Array): Buffer[] {
  const whole = Buffer.from(input.buffer, input.byteOffset, input.length);
  const parts: Buffer[] = [];
  let at = 0;
  for (let end = whole.indexOf(SEPARATOR); end >= 0; end = whole.indexOf(SEPARATOR, at)) {
    parts.push(whole.subarray(at, end));
    at = end + SEPARATOR.length;
  }
  parts.push(whole.subarray(at));
  return parts;
}

export function joinParts(parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [SEPARATOR, part])));
}
