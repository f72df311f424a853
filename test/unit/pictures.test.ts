/** The renderer of pictures: figures as people read them, charts that say what is absent, and small PNG files that are right. */
import assert from "node:assert/strict";
import test from "node:test";
import { deflateSync, inflateSync } from "node:zlib";
import { series, stat, state } from "../../observe/boards/board-model.ts";
import { chartSvg, type Line } from "../../observe/pictures/chart.ts";
import { formatValue } from "../../observe/pictures/format.ts";
import { smallPng } from "../../observe/pictures/small-png.ts";

const SIZE = { width: 400, height: 160 };

function line(values: readonly (number | null)[], labels: Readonly<Record<string, string>> = {}): Line {
  return { name: "a <line> & more", labels, values };
}

test("figures have three digits and a unit", () => {
  for (const [value, unit, text] of [
    [0, "s", "0 s"],
    [0.000_012, "s", "12 µs"],
    [0.0051, "s", "5.1 ms"],
    [119, "s", "119 s"],
    [600, "s", "10 min"],
    [8000, "s", "2.22 h"],
    [0.1234, "percentunit", "12.3%"],
    [1023, "bytes", "1020 B"],
    [64 * 1024 ** 2, "bytes", "64 MiB"],
    [2048, "Bps", "2 KiB/s"],
    [1540, "eps", "1.54k evt/s"],
    [3, "cps", "3/s"],
    [0.5, "reqps", "0.5 req/s"],
    [12_345_678, "short", "12.3M"],
    [1, "bool_yes_no", "Yes"],
    [Number.POSITIVE_INFINITY, "s", "inf"],
  ] as const) {
    assert.equal(formatValue(value, unit), text);
  }
});

test("no series and no number are told apart, and from 0", () => {
  const panel = series("P", "s", "Says.", [["up", ""]], { absent: "No NATS", idle: "No traffic" });
  assert.match(chartSvg(panel, [], SIZE, 1), />No NATS</);
  assert.match(chartSvg(panel, [line([null, null])], SIZE, 1), />No traffic</);
  const zero = chartSvg(panel, [line([0, 0])], SIZE, 1);
  assert.ok(!zero.includes("No ") && /<path d="M[^"]+L/.test(zero));
  assert.match(chartSvg(stat("S", "s", "Says.", [["up", ""]]), [line([null])], SIZE, 1), />No traffic</);
});

test("holes stay holes, names are escaped, and what is too much is counted", () => {
  const panel = series("P", "short", "Says.", [["up", ""]]);
  const drawn = chartSvg(panel, [line([1, 2, null, 3, 4])], SIZE, 5);
  assert.equal(/<path d="([^"]*)"/.exec(drawn)?.[1]?.match(/M/g)?.length, 2);
  assert.match(drawn, /a &lt;line&gt; &amp; more/);
  assert.match(drawn, />5 min ago</);
  assert.match(
    chartSvg(
      panel,
      Array.from({ length: 9 }, () => line([1])),
      SIZE,
      1,
    ),
    />and 4 more</,
  );
});

test("stacked lines stand on each other, bands have the colour of good and bad, buckets are told from those below", () => {
  const stackedPanel = series("P", "short", "Says.", [["up", ""]], { stacked: true });
  assert.match(chartSvg(stackedPanel, [line([3]), line([4])], SIZE, 1), />8</);
  const bands = chartSvg(state("B", "bool_yes_no", "Says.", [["up", ""]]), [line([1, 0, null])], SIZE, 1);
  assert.equal(bands.match(/#5aa469/g)?.length, 1);
  assert.equal(bands.match(/#d64545/g)?.length, 1);
  const heat = { ...series("H", "s", "Says.", [["up", ""]]), kind: "heatmap" as const };
  const cells = chartSvg(
    heat,
    [line([5], { le: "+Inf" }), line([5], { le: "0.5" }), line([2], { le: "0.1" })],
    SIZE,
    1,
  );
  // 2 below 0.1, 3 between, none above.
  assert.equal(cells.match(/<rect/g)?.length, 2);
});

function pixel(x: number, y: number): number[] {
  return [x * 80, y * 40, 248];
}

/** A part of a PNG file, with a checksum of zeros. */
function part(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return Buffer.concat([length, Buffer.from(type, "latin1"), data, Buffer.alloc(4)]);
}

test("a picture with each filter becomes the same pixels in a palette", () => {
  const [width, height] = [3, 5];
  // Row y has filter y; what a filter takes away is computed here the other way round.
  const plain = Array.from({ length: height }, (_, y) => Array.from({ length: width }, (__, x) => pixel(x, y)).flat());
  const rows = plain.map((row, y) => {
    const up = (i: number): number => plain[y - 1]?.[i] ?? 0;
    const left = (i: number): number => (i < 3 ? 0 : (row[i - 3] ?? 0));
    const corner = (i: number): number => (i < 3 ? 0 : up(i - 3));
    const paeth = (i: number): number => {
      const guess = left(i) + up(i) - corner(i);
      const near = [left(i), up(i), corner(i)].toSorted((a, b) => Math.abs(guess - a) - Math.abs(guess - b));
      return near[0] ?? 0;
    };
    const guesses = [(): number => 0, left, up, (i: number): number => (left(i) + up(i)) >> 1, paeth];
    return [y, ...row.map((value, i) => (value - (guesses[y]?.(i) ?? 0)) & 255)];
  });
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const png = Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    part("IHDR", head),
    part("IDAT", deflateSync(Buffer.from(rows.flat()))),
    part("IEND", Buffer.alloc(0)),
  ]);
  const small = smallPng(png);
  const palette = chunkOf(small, "PLTE");
  const indices = inflateSync(chunkOf(small, "IDAT"));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (indices[y * (width + 1) + 1 + x] ?? 0) * 3;
      assert.deepEqual([...palette.subarray(at, at + 3)], pixel(x, y), `${x}, ${y}`);
    }
  }
  // The checksum of an empty end is a constant of the format.
  assert.equal(small.subarray(-4).toString("hex"), "ae426082");
});

function chunkOf(png: Buffer, type: string): Buffer {
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    if (png.toString("latin1", at + 4, at + 8) === type) return png.subarray(at + 8, at + 8 + length);
    at += 12 + length;
  }
  throw new Error(`no ${type}`);
}
