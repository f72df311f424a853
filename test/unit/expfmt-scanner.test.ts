/** What a scanner remembers of lines before changes how fast it reads the next one, and nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { LabelInjection } from "../../src/main/expfmt/label-injection.ts";
import { SampleScanner } from "../../src/main/expfmt/sample-scanner.ts";
import { viewed } from "../../src/main/expfmt/bytes.ts";

const SEEDS = [17, 23] as const;
const INJECTED = { b: "inj", zone: "z" };

interface Scanned {
  readonly refusal: string | null;
  readonly labels?: readonly string[];
  readonly hash?: readonly number[];
  readonly canonical?: boolean;
  readonly written?: string;
}

/** All that the scanner says of a line, which begins at `from` in bytes that are other ones for each line. */
function scanned(scanner: SampleScanner, injection: LabelInjection, line: string, from: number): Scanned {
  const bytes = Buffer.from(`${"}".repeat(from)}${line}`);
  const refusal = scanner.name(bytes, from, bytes.length) ?? scanner.labels(bytes, bytes.length);
  if (refusal !== null) return { refusal };
  const part = (froms: Int32Array, tos: Int32Array, i: number): string => bytes.toString("utf8", froms[i], tos[i]);
  const { labelFrom, labelTo, valueFrom, valueTo } = scanner;
  const labels = Array.from(
    { length: scanner.labelCount },
    (_, i) => `${part(labelFrom, labelTo, i)}=${part(valueFrom, valueTo, i)}`,
  );
  const canonical = scanner.isCanonical;
  injection.apply(bytes, scanner);
  const out = Buffer.alloc(bytes.length + injection.maxBytes + 4);
  const end = injection.write(bytes, scanner, viewed(out), 0);
  const hash = [scanner.labelsLo, scanner.labelsHi];
  return { refusal, labels, hash, canonical, written: out.toString("utf8", 0, end) };
}

/** Few names and values, so that lines have much in common, and every kind of fault between them. */
const label = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom('a="1"', 'a="2"', 'b="x"', 'le="0.5"', 'le="0.25"', 'model="long-enough-name"'),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'a = "1"',
      'aa="1"',
      'a="1\\""',
      'a="\\n"',
      'a="é"',
      `a="${"v".repeat(120)}"`,
      `a="${"v".repeat(130)}"`,
      'model="long-enough-nose"',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "a",
      'a="',
      'a="\\x"',
      '__a="1"',
      'a=1"',
      'a="1" "',
      `a="${"v".repeat(1025)}"`,
      '1a="1"',
    ),
  },
);
const line = fc
  .tuple(fc.array(label, { maxLength: 4 }), fc.constantFrom(",", ", ", ",,"), fc.constantFrom("}", ",}", "} ", ""))
  .map(([labels, comma, end]) => (labels.length === 0 && end === "" ? "m 1" : `m{${labels.join(comma)}${end} 1`));

test("a line is read the same whatever lines were read before it", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(line, fc.nat(9)), { minLength: 2, maxLength: 12 }), (lines) => {
      const scanner = new SampleScanner(...SEEDS);
      const injection = new LabelInjection(INJECTED, scanner);
      for (const [text, from] of lines) {
        const fresh = new SampleScanner(...SEEDS);
        assert.deepEqual(
          scanned(scanner, injection, text, from),
          scanned(fresh, new LabelInjection(INJECTED, fresh), text, from),
        );
      }
    }),
    { numRuns: 1000 },
  );
});

test("more shapes of lines than are kept in mind still get their labels in order", () => {
  const scanner = new SampleScanner(...SEEDS);
  const injection = new LabelInjection({ m: "1" }, scanner);
  for (let turn = 0; turn < 2; turn++) {
    for (let i = 0; i < 100; i++) {
      const { written } = scanned(scanner, injection, `x{a${i}="1",z${i}="2"} 1`, 0);
      assert.equal(written, `{a${i}="1",m="1",z${i}="2"}`);
    }
  }
});
