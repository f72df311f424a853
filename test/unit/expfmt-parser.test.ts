/** What is taken of a page from outside, what is refused, and under which word it is counted. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { LabelInjection, LabelRefusedError } from "../../src/main/expfmt/label-injection.ts";
import { mergePages } from "../../src/main/expfmt/merge-pages.ts";
import type { PageOptions } from "../../src/main/expfmt/page-parser.ts";
import { printFamilies, printOpenMetrics } from "../../src/main/expfmt/print-page.ts";
import {
  MAX_HELP_BYTES,
  MAX_LABELS,
  MAX_LABEL_VALUE_BYTES,
  MAX_LINE_BYTES,
  MAX_NAMES,
  type RefusalCounts,
} from "../../src/main/expfmt/refusal.ts";
import { SampleScanner } from "../../src/main/expfmt/sample-scanner.ts";
import { familiesOf, parsePage, refusedOf } from "../support/page-view.ts";
import { readStrictly } from "../support/strict-page.ts";

const enginePage = readFileSync(path.join(process.cwd(), "test/fixtures/trtllm/trtllm_prometheus_metrics.txt"), "utf8");

function injecting(labels: Readonly<Record<string, string>>): PageOptions {
  const scanner = new SampleScanner(1, 2);
  return { scanner, injection: new LabelInjection(labels, scanner) };
}

/** The page as it goes on. */
function through(text: string | Buffer, options: PageOptions = {}): string {
  return printFamilies(parsePage(text, options).families).toString();
}

test("the page of an engine goes through byte for byte, cut anywhere", () => {
  for (const pieceBytes of [1, 7, 4096, Infinity]) {
    const page = parsePage(enginePage, {}, pieceBytes);
    assert.equal(printFamilies(page.families).toString(), enginePage);
    assert.deepEqual(refusedOf(page.refused), {});
    assert.equal(page.families.length, 60);
    assert.ok(page.isWhole && page.bytes === Buffer.byteLength(enginePage));
  }
});

test("every series of the engine's page gets the labels that it lacks, and is the same series otherwise", () => {
  const before = readStrictly(Buffer.from(enginePage));
  const after = readStrictly(
    Buffer.from(through(enginePage, injecting({ pid: "none", zone: "z\n", engine: "engine0" }))),
  );
  assert.deepEqual([...after.keys()], [...before.keys()]);
  for (const [name, family] of before) {
    const expected = Array.from(family.samples, ([key, rest]) => {
      const [, sample = "", labels = ""] = /^(\w+)\{(.*)\}$/.exec(key) ?? [];
      const pid = labels.includes("pid=") ? [] : ['pid="none"'];
      return [
        `${sample}{${[...labels.split(","), ...pid, 'engine="engine0"', 'zone="z\\n"'].toSorted().join(",")}}`,
        rest,
      ];
    });
    assert.deepEqual([...(after.get(name)?.samples ?? [])], expected, name);
  }
});

test("the engine's page in OpenMetrics has the same series, and counters without their suffix", () => {
  const { families } = parsePage(enginePage);
  const page = Buffer.concat([printOpenMetrics(families), Buffer.from("# EOF\n")]);
  const read = readStrictly(page, "openmetrics");
  const text = readStrictly(Buffer.from(enginePage));
  const series = (from: typeof read): string[] => [...from.values()].flatMap(({ samples }) => [...samples.keys()]);
  assert.deepEqual(series(read), series(text));
  assert.equal(read.get("trtllm_request_success")?.type, "counter");
  assert.equal(read.has("trtllm_request_success_total"), false);
});

const LONG = "v".repeat(MAX_LABEL_VALUE_BYTES);
const MANY = Array.from({ length: MAX_LABELS }, (_, i) => `l${i}="v"`).join(",");

/** Lines, what is left of them, and what is counted. */
const LINES: readonly (readonly [string, string | Buffer, string, Partial<RefusalCounts>])[] = [
  ["blanks and a comma too many", ' x\t{ a = "b" , c="d", }   1   5 \n', '# TYPE x untyped\nx{a="b",c="d"} 1 5\n', {}],
  ["labels keep their order", 'x{b="1",a="2"} 1\n', '# TYPE x untyped\nx{b="1",a="2"} 1\n', {}],
  ["no labels in braces", "x{} 1\n", "# TYPE x untyped\nx{} 1\n", {}],
  [
    "every sort of number",
    "a 1\nb +.5e-3\nc -Inf\nd nan\ne 1.\nf Infinity\n",
    "# TYPE a untyped\na 1\n# TYPE b untyped\nb +.5e-3\n# TYPE c untyped\nc -Inf\n# TYPE d untyped\nd nan\n# TYPE e untyped\ne 1.\n# TYPE f untyped\nf Infinity\n",
    {},
  ],
  ["no numbers", "a 0x1p-2\nb 1_000\nc\nd +nan\ne 1e\nf .\ng --1\nh 1 2.5\ni 1 2 3\nj 1 # {} 1\n", "", { syntax: 10 }],
  ["no names", '1x 1\n{a="b"} 1\nx{1="a"} 1\nx{a:b="c"} 1\nx-y 1\n', "", { syntax: 5 }],
  [
    "broken labels",
    'x{a="b 1\nx{a=b} 1\nx{a="b"c="d"} 1\nx{,} 1\nx{a="b"\nx{a="\\d"} 1\nx{a="b",,} 1\nx{a="\\\nx{\n',
    "",
    { syntax: 9 },
  ],
  ["control characters", 'x{a="\u0000"} 1\nx{a="\r"} 1\n# HELP x \u0001\n', "", { syntax: 3 }],
  ["a tab, and letters of all sorts", 'x{a="\tgräßlich 日本"} 1\n', '# TYPE x untyped\nx{a="\tgräßlich 日本"} 1\n', {}],
  [
    "labels that the format has for itself, or twice",
    'x{__name__="y"} 1\nx{a="1",a="2"} 1\nx{b="1",a="2",b="3"} 1\n',
    "",
    { labels: 3 },
  ],
  [
    "no bound, no quantile",
    '# TYPE h histogram\nh_bucket 1\nh_bucket{le="x"} 1\nh_sum 1\n# TYPE s summary\ns 1\ns{quantile="0.5"} 1\n',
    '# TYPE h histogram\nh_sum 1\n# TYPE s summary\ns{quantile="0.5"} 1\n',
    { labels: 3 },
  ],
  [
    "bytes that are no text",
    Buffer.from('x{a="\xff"} 1\n# HELP x \xc3\x28\nx 1\n', "latin1"),
    "# TYPE x untyped\nx 1\n",
    { utf8: 2 },
  ],
  [
    "a series once more, its labels in another order",
    'x{a="1",b="2"} 1\nx{b="2",a="1"} 2\n',
    '# TYPE x untyped\nx{a="1",b="2"} 1\n',
    { duplicate_series: 1 },
  ],
  [
    "a family in three pieces",
    '# TYPE x gauge\nx 1\n# TYPE y gauge\ny 1\n# HELP x X\n# TYPE x gauge\nx{a="1"} 2\ny{a="1"} 2\nx{a="2"} 3\n',
    '# HELP x X\n# TYPE x gauge\nx 1\nx{a="1"} 2\nx{a="2"} 3\n# TYPE y gauge\ny 1\ny{a="1"} 2\n',
    {},
  ],
  ["two types", "# TYPE x gauge\n# TYPE x counter\nx 1\n", "# TYPE x gauge\nx 1\n", { type_conflict: 1 }],
  ["a type behind the samples", "x 1\n# TYPE x gauge\n", "# TYPE x untyped\nx 1\n", { type_conflict: 1 }],
  [
    "a family with the name of another's samples",
    "# TYPE h histogram\n# TYPE h_sum gauge\nh_sum 1\nh 1\n",
    "# TYPE h histogram\nh_sum 1\n",
    { type_conflict: 2 },
  ],
  [
    "the same the other way round",
    "# TYPE h_sum gauge\nh_sum 1\n# TYPE h histogram\n",
    "# TYPE h_sum gauge\nh_sum 1\n",
    { type_conflict: 1 },
  ],
  [
    "types that the format does not have",
    "# TYPE x info\n# TYPE x\n# TYPE 1 gauge\n# HELP\n# TYPE\n# TYPE x unknown\nx 1\n",
    "# TYPE x untyped\nx 1\n",
    { syntax: 3 },
  ],
  [
    "an escape that HELP does not have",
    '# HELP x a \\"b\\"\n# HELP x a \\\\ \\n "b"\nx 1\n',
    '# HELP x a \\\\ \\n "b"\n# TYPE x untyped\nx 1\n',
    { syntax: 1 },
  ],
  ["other comments", "# x\n#\n#HELP x y\n# EOF\n\n  \nx 1\n", "# TYPE x untyped\nx 1\n", {}],
  ["as many labels as may be", `x{${MANY}} 1\n`, `# TYPE x untyped\nx{${MANY}} 1\n`, {}],
  ["a label too many", `x{${MANY},z="v"} 1\n`, "", { too_many_labels: 1 }],
  ["as long a value as may be", `x{a="${LONG}"} 1\n`, `# TYPE x untyped\nx{a="${LONG}"} 1\n`, {}],
  [
    "too long a value, name, help",
    `x{a="${LONG}v"} 1\n${"n".repeat(257)} 1\n# HELP x ${"h".repeat(MAX_HELP_BYTES + 1)}\n`,
    "",
    { too_long: 3 },
  ],
  ["too long a line", `x{a="${"v".repeat(MAX_LINE_BYTES)}"} 1\ny 1\n`, "# TYPE y untyped\ny 1\n", { too_long: 1 }],
];

for (const [what, text, expected, refused] of LINES) {
  test(`a page: ${what}`, () => {
    for (const pieceBytes of [1, 1000, Infinity]) {
      const page = parsePage(text, {}, pieceBytes);
      assert.equal(printFamilies(page.families).toString(), expected);
      assert.deepEqual(refusedOf(page.refused), refused);
    }
    readStrictly(Buffer.from(expected));
  });
}

test("a page whose last line has no end is not whole, and that line is not taken", () => {
  const page = parsePage("x 1\ny 12");
  assert.equal(page.isWhole, false);
  assert.equal(page.series, 1);
});

test("families and series beyond their bounds are refused, those before them are kept", () => {
  const names = Array.from({ length: MAX_NAMES + 10 }, (_, i) => `x${i} 1\n`).join("");
  assert.deepEqual(refusedOf(parsePage(names).refused), { too_many_series: 10 });
  const series = Array.from({ length: 20 }, (_, i) => `x{a="${i}"} 1\n`).join("");
  const page = parsePage(series, { maxSeries: 12 });
  assert.equal(page.series, 12);
  assert.deepEqual(refusedOf(page.refused), { too_many_series: 8 });
});

test("a series that equals another one only with the injected label is one too many", () => {
  const page = parsePage('x{engine="engine0"} 1\nx 2\nx{engine="e"} 3\n', injecting({ engine: "engine0" }));
  assert.deepEqual(refusedOf(page.refused), { duplicate_series: 1 });
  assert.equal(printFamilies(page.families).toString(), '# TYPE x untyped\nx{engine="engine0"} 1\nx{engine="e"} 3\n');
});

test("labels that cannot be injected are refused with their name, and without their value", () => {
  for (const labels of [
    { le: "secret" },
    { quantile: "secret" },
    { __a: "secret" },
    { "a-b": "secret" },
    { "": "secret" },
    { a: "\u0001secret" },
    { a: "secret".repeat(200) },
  ]) {
    assert.throws(
      () => new LabelInjection(labels),
      (error) => error instanceof LabelRefusedError && !error.message.includes("secret"),
    );
  }
});

const FILTERED =
  '# TYPE trtllm_x histogram\ntrtllm_x_bucket{le="1"} 1\ntrtllm_x_sum 1\n# TYPE py gauge\npy 1\n# TYPE trtllm_y gauge\ntrtllm_y 2\n';

test("filters take or leave whole families, or each line for itself", () => {
  const family = (include: readonly string[], exclude: readonly string[] = []): unknown[] =>
    familiesOf(parsePage(FILTERED, { filter: { include, exclude, by: "family" } }));
  assert.deepEqual(family(["trtllm_"], ["trtllm_y"]), [
    { name: "trtllm_x", type: "histogram", help: null, lines: ['trtllm_x_bucket{le="1"} 1', "trtllm_x_sum 1"] },
  ]);
  assert.deepEqual(family(["trtllm_x_sum"]), []);
  const line = parsePage(FILTERED, { filter: { include: ["trtllm_x_sum", "py"], exclude: [], by: "line" } });
  assert.deepEqual(familiesOf(line), [
    { name: "trtllm_x_sum", type: "untyped", help: null, lines: ["trtllm_x_sum 1"] },
    { name: "py", type: "gauge", help: null, lines: ["py 1"] },
  ]);
});

function mapName(name: string): string {
  return name.startsWith("x") ? `trtllm_${name}` : name;
}

test("names are mapped before they are filtered, and may make two families one", () => {
  const filter = { include: ["trtllm_"], exclude: [], by: "family" } as const;
  const page = parsePage("# HELP x X\n# TYPE x histogram\nx_sum 1\ny 1\ntrtllm_x_sum 2\ntrtllm_x_count 3\n", {
    mapName,
    filter,
  });
  assert.equal(
    printFamilies(page.families).toString(),
    "# HELP trtllm_x X\n# TYPE trtllm_x histogram\ntrtllm_x_sum 1\ntrtllm_x_count 3\n",
  );
  assert.deepEqual(refusedOf(page.refused), { duplicate_series: 1 });
});

test("a name of ours is refused", () => {
  const page = parsePage("# TYPE kvcast_up gauge\nkvcast_up 1\nx 1\n", { isOwn: (name) => name.startsWith("kvcast_") });
  assert.deepEqual(refusedOf(page.refused), { own_name: 2 });
  assert.deepEqual(
    page.families.map(({ name }) => name),
    ["x"],
  );
});

test("pages are merged by family: one head, the first type, the first of equal series", () => {
  const a = parsePage("# TYPE x gauge\nx 1\n# TYPE z gauge\nz 1\n");
  const b = parsePage(
    '# HELP x X\n# TYPE x gauge\nx 2\nx{a="1"} 3\n# TYPE z counter\nz 2\nz{a="1"} 2\n# TYPE y gauge\ny 1\n',
  );
  const { families, refused } = mergePages([a, b], false);
  assert.equal(
    printFamilies(families).toString(),
    '# HELP x X\n# TYPE x gauge\nx 1\nx{a="1"} 3\n# TYPE z gauge\nz 1\n# TYPE y gauge\ny 1\n',
  );
  assert.deepEqual(refused.map(refusedOf), [{}, { duplicate_series: 1, type_conflict: 2 }]);
});

test("OpenMetrics: seconds, unknown types, and no creation times", () => {
  const { families } = parsePage(
    '# HELP a_total "A"\n# TYPE a_total counter\na_total{l="} 5"} 1 1500\na_total 2\n# TYPE a_created gauge\na_created 3\n# TYPE b counter\nb 1 -7\nc 1\n# TYPE d_created gauge\nd_created 1\n',
  );
  assert.equal(
    printOpenMetrics(families).toString(),
    '# HELP a \\"A\\"\n# TYPE a counter\na_total{l="} 5"} 1 1.500\na_total 2\n# TYPE b unknown\nb 1 -0.007\n# TYPE c unknown\nc 1\n# TYPE d_created gauge\nd_created 1\n',
  );
});
