/**
 * Makes a screenshot small enough to be kept beside the code: 255 colours are enough for charts, and a palette takes a quarter of
 * the room. Reads what a browser writes: 8 bits a channel, with or without alpha, not interlaced.
 */
import { deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const MAX_COLOURS = 256;
/** Bits of a channel by which colours that are nearly the same count as one. */
const KEPT_BITS = 5;
const DROPPED_BITS: number = 8 - KEPT_BITS;

interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Three bytes each. */
  readonly rgb: Uint8Array;
}

/** The same picture with a palette. */
export function smallPng(png: Buffer): Buffer {
  const pixels = decoded(png);
  const { palette, indices } = quantised(pixels);
  const { width, height } = pixels;
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) rows.set(indices.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8); // 8 bits, palette
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", head),
    chunk("PLTE", Buffer.from(palette)),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function decoded(png: Buffer): Pixels {
  const parts: Buffer[] = [];
  for (let at = SIGNATURE.length; at < png.length;) {
    const length = png.readUInt32BE(at);
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(png.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const [width, height, channels] = [png.readUInt32BE(16), png.readUInt32BE(20), png[25] === 6 ? 4 : 3];
  if (png[24] !== 8 || (png[25] !== 6 && png[25] !== 2) || png[28] !== 0) throw new TypeError("not such a picture");
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const rgb = new Uint8Array(width * height * 3);
  let above = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    const from = y * (stride + 1);
    const row = unfiltered(raw[from] ?? 0, raw.subarray(from + 1, from + 1 + stride), above, channels);
    for (let x = 0; x < width; x++) rgb.set(row.subarray(x * channels, x * channels + 3), (y * width + x) * 3);
    above = row;
  }
  return { width, height, rgb };
}

/** A row as it was before its filter. */
function unfiltered(filter: number, row: Uint8Array, above: Uint8Array, channels: number): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(row.length);
  for (let i = 0; i < row.length; i++) {
    const left = i < channels ? 0 : (made[i - channels] ?? 0);
    const up = above[i] ?? 0;
    const corner = i < channels ? 0 : (above[i - channels] ?? 0);
    const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] ?? 0;
    made[i] = (row[i] ?? 0) + guess;
  }
  return made;
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

function quantised({ width, height, rgb }: Pixels): { palette: readonly number[]; indices: Uint8Array } {
  const counts = new Map<number, number>();
  const key = (at: number): number =>
    (((rgb[at] ?? 0) >> DROPPED_BITS) << (2 * KEPT_BITS)) |
    (((rgb[at + 1] ?? 0) >> DROPPED_BITS) << KEPT_BITS) |
    ((rgb[at + 2] ?? 0) >> DROPPED_BITS);
  const first = new Map<number, number>();
  for (let at = 0; at < rgb.length; at += 3) {
    const k = key(at);
    counts.set(k, (counts.get(k) ?? 0) + 1);
    if (!first.has(k)) first.set(k, at);
  }
  const kept = Array.from(counts)
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, MAX_COLOURS)
    .map(([k]) => k);
  const colours = kept.map((k) => rgb.subarray(first.get(k) ?? 0, (first.get(k) ?? 0) + 3));
  const places = new Map(kept.map((k, i) => [k, i]));
  const indices = new Uint8Array(width * height);
  for (let i = 0; i < indices.length; i++) {
    const k = key(i * 3);
    let place = places.get(k);
    if (place === undefined) {
      place = nearest(rgb.subarray(i * 3, i * 3 + 3), colours);
      places.set(k, place);
    }
    indices[i] = place;
  }
  return { palette: colours.flatMap((colour) => [...colour]), indices };
}

function nearest(colour: Uint8Array, colours: readonly Uint8Array[]): number {
  const distance = (other: Uint8Array): number =>
    [0, 1, 2].reduce((sum, i) => sum + ((colour[i] ?? 0) - (other[i] ?? 0)) ** 2, 0);
  let best = 0;
  for (let i = 1; i < colours.length; i++) {
    if (distance(colours[i] ?? colour) < distance(colours[best] ?? colour)) best = i;
  }
  return best;
}

function chunk(type: string, data: Buffer): Buffer {
  const made = Buffer.alloc(12 + data.length);
  made.writeUInt32BE(data.length, 0);
  made.write(type, 4, "latin1");
  made.set(data, 8);
  made.writeUInt32BE(crc32(made.subarray(4, 8 + data.length)), 8 + data.length);
  return made;
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xff_ff_ff_ff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xed_b8_83_20 : crc >>> 1;
  }
  return ~crc >>> 0;
}
