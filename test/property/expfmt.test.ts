/** Whatever is on a page from outside: it is read in bounded time, and what goes on is a page that strict readers take. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { FAMILY_TYPES } from "../../src/main/expfmt/family.ts";
import { escapedLabelValue, LabelInjection } from "../../src/main/expfmt/label-injection.ts";
import { mergePages } from "../../src/main/expfmt/merge-pages.ts";
import { OPEN_METRICS_END } from "../../src/main/expfmt/open-metrics.ts";
import { type ExpositionPage, type PageOptions } from "../../src/main/expfmt/page-parser.ts";
import { printFamilies, printOpenMetrics } from "../../src/main/expfmt/print-page.ts";
import { SampleScanner } from "../../src/main/expfmt/sample-scanner.ts";
import { familiesOf, parsePage } from "../support/page-view.ts";
import { readStrictly } from "../support/strict-page.ts";

const engine = readFileSync(path.join(process.cwd(), "test/fixtures/trtllm/trtllm_prometheus_metrics.txt"));

function injecting(labels: Readonly<Record<string, string>>): PageOptions {
  const scanner = new SampleScanner(7, 11);
  return { scanner, injection: new LabelInjection(labels, scanner) };
}

/** What is printed in both formats is taken by a strict reader, and read once more it is the same. */
function assertSound(page: Pick<ExpositionPage, "families">): void {
  const text = printFamilies(page.families);
  readStrictly(text);
  readStrictly(Buffer.concat([printOpenMetrics(page.families), Buffer.from(OPEN_METRICS_END)]), "openmetrics");
  const again = parsePage(text);
  assert.deepEqual(familiesOf(again), familiesOf(page));
  assert.ok(Object.values(again.refused).every((count) => count === 0));
}

const anyName = fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,8}$/);
const anyLabel = fc.stringMatching(/^[a-z][a-z0-9_]{0,5}$/).filter((name) => name !== "le" && name !== "quantile");
/** Control characters are refused, which other tests show. */
const anyText = fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => text.replaceAll(/[^\P{Cc}\t\n]/gu, ""));
const anyValue = fc.oneof(
  fc
    .double()
    .map((value) =>
      Number.isFinite(value) ? String(value) : Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf",
    ),
  fc.constantFrom("1.", ".5", "+3", "1E+06", "nan", "-Infinity"),
);
const blank = fc.constantFrom("", " ", "\t ");

const anySample = fc.record({
  labels: fc.dictionary(anyLabel, anyText, { maxKeys: 4 }),
  value: anyValue,
  timestamp: fc.option(fc.integer({ min: -1e12, max: 2e12 })),
  blanks: fc.tuple(blank, blank, blank, blank, blank),
  comma: fc.boolean(),
});

interface ModelSample {
  readonly key: string;
  readonly rest: string;
  readonly line: string;
}

function modelSample(name: string, sample: typeof anySample extends fc.Arbitrary<infer T> ? T : never): ModelSample {
  const [a, b, c, d, e] = sample.blanks;
  const pairs = Object.entries(sample.labels).map(([label, value]) => [label, escapedLabelValue(value)] as const);
  const inner = pairs.map(([label, value]) => `${a}${label}${b}=${c}"${value}"${d}`).join(",");
  const braces = pairs.length === 0 ? (sample.comma ? "{}" : "") : `${e}{${inner}${sample.comma ? "," : ""}}`;
  const timestamp = sample.timestamp === null ? "" : ` ${sample.timestamp}`;
  return {
    key: `${name}{${pairs
      .map(([label, value]) => `${label}="${value}"`)
      .toSorted()
      .join(",")}}`,
    rest: sample.value + timestamp,
    line: `${a}${name}${braces} ${c}${sample.value}${timestamp}${e}\n`,
  };
}

test("a page is read as it is meant, wherever it is cut and however its families lie", () => {
  const anyFamily = fc.record({
    name: anyName,
    type: fc.constantFrom("counter", "gauge", "untyped"),
    samples: fc.array(anySample, { maxLength: 5 }),
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(anyFamily, { selector: ({ name }) => name, maxLength: 6 }),
      fc.nat(),
      fc.integer({ min: 1, max: 60 }),
      (families, seed, pieceBytes) => {
        const expected = new Map<string, Map<string, string>>();
        const lines: string[] = [];
        for (const { name, type, samples } of families) {
          lines.push(`# TYPE ${name} ${type}\n`);
          const series = new Map<string, string>();
          for (const { key, rest } of samples.map((sample) => modelSample(name, sample)))
            if (!series.has(key)) series.set(key, rest);
          expected.set(name, series);
        }
        const samples = families.flatMap((family) =>
          family.samples.map((sample) => modelSample(family.name, sample).line),
        );
        // A rotation keeps the order within a family only where series are the same, which is where the first one counts.
        const cut = samples.length === 0 ? 0 : seed % samples.length;
        const isRotated =
          new Set(families.flatMap(({ name, samples: own }) => own.map((sample) => modelSample(name, sample).key)))
            .size === samples.length;
        const order = isRotated ? [...samples.slice(cut), ...samples.slice(0, cut)] : samples;
        const page = parsePage([...lines, ...order].join(""), {}, pieceBytes);
        assertSound(page);
        const read = readStrictly(printFamilies(page.families));
        assert.deepEqual(
          new Map(Array.from(read, ([name, family]) => [name, new Map(sorted(family.samples))])),
          new Map(Array.from(expected, ([name, series]) => [name, new Map(sorted(series))])),
        );
        assert.equal(page.refused.duplicate_series, samples.length - page.series);
      },
    ),
  );
});

function sorted(series: ReadonlyMap<string, string>): [string, string][] {
  return [...series].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Lines that are nearly right: pieces of the format in any order. */
const token = fc.oneof(
  fc.constantFrom(
    "# HELP ",
    "# TYPE ",
    "#",
    "x",
    "x_sum",
    "x_bucket",
    "x_total",
    "x_created",
    "# TYPE x_total counter\n",
    "# TYPE x histogram\n",
    "x_total 1\n",
    'x_bucket{le="1"} 1\n',
    "x_created 1 5\n",
    "y",
    " ",
    "{",
    "}",
    ",",
    '"',
    "=",
    "le",
    'le="1"',
    'a="b"',
    "\\",
    "\\n",
    "1",
    "NaN",
    "+Inf",
    "\n",
    "\t",
    "\r",
    "\0",
  ),
  fc.constantFrom(...FAMILY_TYPES),
  fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
);

test("lines of the format's own pieces, in any order, make a sound page or none", () => {
  fc.assert(
    fc.property(fc.array(token, { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (tokens, pieceBytes) => {
      const bytes = Buffer.from(tokens.join(""), "latin1");
      const page = parsePage(bytes, {}, pieceBytes);
      assertSound(page);
      assert.deepEqual(page, parsePage(bytes));
      const lines = bytes.toString("latin1").split("\n").length - 1;
      assert.ok(page.series + Object.values(page.refused).reduce((sum, count) => sum + count, 0) <= lines);
    }),
    { numRuns: 400 },
  );
});

test("an engine's page with changed bytes stays sound, with labels injected too, and beside another one", () => {
  const options = injecting({ engine: "engine0", pid: "none" });
  const sound = parsePage(engine, injecting({ engine: "engine1" }));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(engine.length - 1), fc.nat(255)), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 500, max: 70_000 }),
      (changes, pieceBytes) => {
        const broken = Buffer.from(engine);
        for (const [at, byte] of changes) broken[at] = byte;
        const page = parsePage(broken, options, pieceBytes);
        assertSound(page);
        assertSound({ families: mergePages([page, sound], false).families });
        assertSound({ families: mergePages([page, parsePage(engine, options)], false).families });
      },
    ),
    { numRuns: 25 },
  );
});
