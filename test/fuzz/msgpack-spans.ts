/** Where the heads, the bodies and the values of msgpack are, in sound bytes as in broken ones. */

interface Head {
  /** Bytes of the head, with the length that it tells. */
  readonly size: number;
  /** Bytes of its own behind it. */
  readonly body: number;
  /** Values inside. */
  readonly values: number;
}

const head = (size: number, body: number, values: number = 0): Head => ({ size, body, values });

function number(input: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let i = 0; i < width; i++) value = value * 256 + (input[at + i] ?? 0);
  return value;
}

function headAt(input: Uint8Array, at: number): Head {
  const byte = input[at] ?? 0;
  if (byte < 0x80 || byte >= 0xe0) return head(1, 0);
  if (byte < 0x90) return head(1, 0, 2 * (byte & 0x0f));
  if (byte < 0xa0) return head(1, 0, byte & 0x0f);
  if (byte < 0xc0) return head(1, byte & 0x1f);
  const width = (wide: number): number => number(input, at + 1, wide);
  if (byte >= 0xc4 && byte <= 0xc6) return head(1 + 2 ** (byte - 0xc4), width(2 ** (byte - 0xc4)));
  if (byte >= 0xc7 && byte <= 0xc9) return head(2 + 2 ** (byte - 0xc7), width(2 ** (byte - 0xc7)));
  if (byte === 0xca) return head(5, 0);
  if (byte === 0xcb) return head(9, 0);
  if (byte >= 0xcc && byte <= 0xd3) return head(1 + 2 ** ((byte - 0xcc) % 4), 0);
  if (byte >= 0xd4 && byte <= 0xd8) return head(2, 2 ** (byte - 0xd4));
  if (byte >= 0xd9 && byte <= 0xdb) return head(1 + 2 ** (byte - 0xd9), width(2 ** (byte - 0xd9)));
  if (byte === 0xdc || byte === 0xdd) return head(byte === 0xdc ? 3 : 5, 0, width(byte === 0xdc ? 2 : 4));
  if (byte === 0xde || byte === 0xdf) return head(byte === 0xde ? 3 : 5, 0, 2 * width(byte === 0xde ? 2 : 4));
  return head(1, 0);
}

/** A list or map that is being walked over. */
interface Open {
  readonly start: number;
  left: number;
}

export function msgpackSpans(input: Uint8Array): number[] {
  const spans: number[] = [];
  const open: Open[] = [];
  for (let at = 0; at < input.length;) {
    const { size, body, values } = headAt(input, at);
    const afterHead = Math.min(input.length, at + size);
    const end = Math.min(input.length, afterHead + body);
    spans.push(at, afterHead);
    if (end > afterHead) spans.push(afterHead, end, at, end);
    const parent = open.at(-1);
    if (parent !== undefined) parent.left--;
    if (values > 0) open.push({ start: at, left: values });
    at = end;
    for (let last = open.at(-1); last?.left === 0; last = open.at(-1)) {
      spans.push(last.start, at);
      open.pop();
    }
    // Inside of an envelope is msgpack again.
    if (body > 16 && input[afterHead] !== undefined && (input[afterHead] & 0xf0) === 0x90) {
      for (const place of msgpackSpans(input.subarray(afterHead, end))) spans.push(afterHead + place);
    }
  }
  return spans;
}
