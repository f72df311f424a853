/**
 * What the fuzzer knows of a format: where the tokens and the values of an input are, words that are apt to be misread, how
 * values go inside of others, and lies about length.
 */
import { msgpackSpans } from "./msgpack-spans.ts";

/** Start and end of each token and each value, one behind the other. Spans may lie within others. */
export type Spans = readonly number[];

export interface Syntax {
  readonly spans: (input: Uint8Array) => Spans;
  /** Put in the place of a value, or before it. */
  readonly words: readonly Uint8Array[];
  /** Between a value and its double. */
  readonly glue: Uint8Array;
  /** Put around a value, as often as one likes. */
  readonly nests: readonly (readonly [Uint8Array, Uint8Array])[];
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");
const NO_BYTES = bytes("");

/** Names that every JavaScript object answers to, and numbers at the borders of what fits. */
const TRAPS = ["__proto__", "constructor", "toString", "hasOwnProperty", "length", ""];
const NUMBERS = [
  ..."0 -0 1 -1 0.5 1e2 1e400 -1e400 1E-400 007 0x10 Infinity NaN 127 128 255 256 1023 1024 65535 65536".split(" "),
  ..."2147483647 2147483648 4294967295 4294967296 9007199254740991 9007199254740992 -9007199254740993".split(" "),
  ..."9223372036854775807 -9223372036854775808 18446744073709551615 18446744073709551616".split(" "),
  "9".repeat(400),
];

const JSON_TOKEN = /"(?:[^"\\]|\\.)*"|[-+.\w]+|\s+|[^]/gu;
const OPEN = new Set(["[", "{"]);
const CLOSE = new Set(["]", "}"]);

/** Tokens, members of objects, and values with all that is in them. The text is read as latin1, so places are bytes. */
function jsonSpans(input: Uint8Array): Spans {
  const text = latin1(input);
  const spans: number[] = [];
  const opened: number[] = [];
  let key = -1;
  for (const { 0: token, index: at } of text.matchAll(JSON_TOKEN)) {
    const end = at + token.length;
    spans.push(at, end);
    if (OPEN.has(token)) opened.push(at);
    else if (CLOSE.has(token)) spans.push(opened.pop() ?? 0, end);
    else if (token === ":") key = spans.at(-4) ?? -1;
    else if (key >= 0 && token.trim() !== "") {
      spans.push(key, end);
      key = -1;
    }
  }
  return spans;
}

const TEXT_TOKEN = /[\p{L}_][\w:.-]*|[-+]?\d[\d.eE+-]*|"(?:[^"\\\n]|\\.)*"|[^\S\n]+|[^]/gu;

/** Words, numbers, quoted texts, and lines. */
function textSpans(input: Uint8Array): Spans {
  const text = latin1(input);
  const spans: number[] = [];
  let line = 0;
  for (const { 0: token, index: at } of text.matchAll(TEXT_TOKEN)) {
    const end = at + token.length;
    spans.push(at, end);
    if (token !== "\n") continue;
    spans.push(line, end);
    line = end;
  }
  if (line < text.length) spans.push(line, text.length);
  return spans;
}

function latin1(input: Uint8Array): string {
  return Buffer.from(input.buffer, input.byteOffset, input.length).toString("latin1");
}

/** Runs of bytes. */
function byteSpans(input: Uint8Array): Spans {
  const spans: number[] = [];
  for (let at = 0; at < input.length; at++) spans.push(at, at + 1);
  for (const width of [2, 4, 8]) {
    for (let at = 0; at + width <= input.length; at += width) spans.push(at, at + width);
  }
  return spans;
}

export const JSON_SYNTAX: Syntax = {
  spans: jsonSpans,
  words: [
    ...NUMBERS.map(bytes),
    ...TRAPS.map((name) => bytes(JSON.stringify(name))),
    ...["null", "true", "false", "[]", "{}", "[[]]", "[{}]", '"', "\\", '"\\ud800"', '"\\u0000"', "\ufeff"].map(bytes),
    ...[",", ":", "]", "}", "[", "{", "/**/", "undefined", "'a'", '"\n"', `"${"x".repeat(2000)}"`].map(bytes),
    hex("ff"),
    hex("22 c3 28 22"),
    hex("22 ed a0 80 22"),
  ],
  glue: bytes(","),
  nests: [
    [bytes("["), bytes("]")],
    [bytes('{"a":'), bytes("}")],
    [bytes("["), NO_BYTES],
    [bytes('{"a":['), NO_BYTES],
  ],
};

/** Whole messages, or several JSON texts: any bytes, with the tokens of texts in them. */
export const FRAMES_SYNTAX: Syntax = {
  spans: (input) => [...jsonSpans(input), ...byteSpans(input)],
  words: [
    ...JSON_SYNTAX.words,
    bytes("\n--\n"),
    bytes("\n--\n\n--\n"),
    ...["fb ff ff", "fc ff ff ff ff", "fd ff ff ff ff ff ff ff ff", "fe", "00 00 00 00 00 00 00 00"].map(hex),
    ...["ff ff ff ff ff ff ff ff", "80 00 00 00 00 00 00 00", "00 20 00 00 00 00 00 00"].map(hex),
  ],
  glue: NO_BYTES,
  nests: JSON_SYNTAX.nests,
};

export const TEXT_SYNTAX: Syntax = {
  spans: textSpans,
  words: [
    ...[
      ...NUMBERS,
      ...TRAPS,
      "+Inf",
      "nan",
      " ",
      "\t",
      "\r",
      "\0",
      "\n",
      "{",
      "}",
      '"',
      "\\",
      "\\n",
      ",",
      "=",
      "#",
    ].map(bytes),
    ...["# TYPE ", "# HELP ", "# EOF", 'le="0.5"', "_total", "_bucket", "é", "\u2028", "x".repeat(2000)].map(bytes),
    hex("ff"),
  ],
  glue: NO_BYTES,
  nests: [
    [bytes("{"), bytes("}")],
    [bytes('"'), bytes('"')],
    [bytes("\n"), bytes("\n")],
  ],
};

export const YAML_SYNTAX: Syntax = {
  spans: textSpans,
  words: [
    ...TEXT_SYNTAX.words,
    ...["- ", ": ", "? ", "&a ", "*a", "!!str ", "!!binary ", "!!js/function ", "%YAML 1.1\n", "---\n", "...\n"].map(
      bytes,
    ),
    ...[
      "|\n  x\n",
      ">-\n",
      "<<: *a\n",
      "~",
      "null",
      "[a, b]",
      "{a: b}",
      "'",
      "http://",
      "tcp://*:0",
      "@",
      "`",
      "\n--\n",
    ].map(bytes),
  ],
  glue: bytes("\n"),
  nests: [
    [bytes("["), bytes("]")],
    [bytes("{a: "), bytes("}")],
    [bytes("- "), NO_BYTES],
    [bytes("&a ["), bytes(", *a]")],
  ],
};

export const BYTE_SYNTAX: Syntax = {
  spans: byteSpans,
  words: [
    ...["00", "ff", "7f", "80", "ff ff ff ff", "00 00 00 00", "ff ff ff 7f", "01 00 00 04", "00 00 f0 7f"].map(hex),
    ...["00 00 00 00 00 00 f0 7f", "00 00 00 00 00 00 f8 ff", "00 00 00 00 00 00 00 80"].map(hex),
  ],
  glue: NO_BYTES,
  nests: [[NO_BYTES, NO_BYTES]],
};

const texts = TRAPS.map((name) => Buffer.concat([Buffer.of(0xa0 | name.length), Buffer.from(name)]));

export const MSGPACK_SYNTAX: Syntax = {
  spans: msgpackSpans,
  words: [
    ...texts,
    ...[
      "c0",
      "c1",
      "c2",
      "c3",
      "00",
      "7f",
      "ff",
      "e0",
      "cc 80",
      "cd ff ff",
      "ce ff ff ff ff",
      "d0 80",
      "d2 80 00 00 00",
    ].map(hex),
    ...["cf ff ff ff ff ff ff ff ff", "cf 00 20 00 00 00 00 00 00", "d3 80 00 00 00 00 00 00 00"].map(hex),
    ...["ca 7f c0 00 00", "ca 7f 80 00 00", "cb 7f f0 00 00 00 00 00 00", "cb ff f8 00 00 00 00 00 00"].map(hex),
    ...["90", "80", "91 90", "81 c0 c0", "a1 ff", "a3 ed a0 80", "c4 00", "c4 01 00", "d4 00 00", "c7 00 05"].map(hex),
    // Heads that announce more than there is.
    ...["dd ff ff ff ff", "df ff ff ff ff", "db ff ff ff ff", "c6 ff ff ff ff", "c9 ff ff ff ff 01", "dc ff ff"].map(
      hex,
    ),
    ...["de ff ff", "dd 00 01 00 00", "dd 00 ff ff ff", "df 7f ff ff ff", "db 00 10 00 00", "9f", "8f", "bf"].map(hex),
  ],
  glue: NO_BYTES,
  nests: [
    [hex("91"), NO_BYTES],
    [hex("81 a1 61"), NO_BYTES],
    [hex("93"), hex("c0 c0")],
    [hex("dc 00 01"), NO_BYTES],
  ],
};
