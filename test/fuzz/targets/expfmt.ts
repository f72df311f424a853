/** A metrics page of an engine: what goes on is a page that strict readers take, and every line is accounted for. */
import assert from "node:assert/strict";
import { LabelInjection } from "../../../src/main/expfmt/label-injection.ts";
import { mergePages } from "../../../src/main/expfmt/merge-pages.ts";
import { OPEN_METRICS_END } from "../../../src/main/expfmt/open-metrics.ts";
import { type ExpositionPage, type PageOptions, PageParser } from "../../../src/main/expfmt/page-parser.ts";
import { printFamilies, printOpenMetrics } from "../../../src/main/expfmt/print-page.ts";
import { SampleScanner } from "../../../src/main/expfmt/sample-scanner.ts";
import { familiesOf } from "../../support/page-view.ts";
import { readStrictly } from "../../support/strict-page.ts";
import { chunksOf, numberOf } from "../chunks.ts";
import { fixture, linesOf } from "../fixtures.ts";
import { sum } from "../page-series.ts";
import { TEXT_SYNTAX } from "../syntax.ts";
import type { FuzzTarget, Session } from "../target.ts";

/** One input in so many gets labels, is merged with another one, and printed as OpenMetrics too. */
const MERGE_EVERY = 4;
const MAX_SERIES = 500;

const OTHER = `# HELP x_total Made up.
# TYPE x_total counter
x_total{a="b"} 1
# TYPE h histogram
h_bucket{le="0.5"} 1
h_bucket{le="+Inf"} 2 1700000000000
h_sum 1.5
h_count 2
# TYPE s summary
s{quantile="0.9"} NaN
s_sum -Inf
s_count 0
plain{b="\\\\ \\" \\n",} 1e-3
`;

export const EXPFMT: FuzzTarget = {
  name: "expfmt",
  about: "metrics pages of engines",
  syntax: TEXT_SYNTAX,
  seeds: () => [...linesOf(fixture("trtllm/trtllm_prometheus_metrics.txt"), 20), Buffer.from(OTHER)],
  open,
};

function parse(chunks: readonly Uint8Array[], options: PageOptions): ExpositionPage {
  const parser = new PageParser({ ...options, maxSeries: MAX_SERIES });
  for (const chunk of chunks) {
    const lent = Buffer.from(chunk);
    parser.push(lent);
    lent.fill(0xee);
  }
  return parser.end();
}

function open(): Session {
  const scanner = new SampleScanner(7, 11);
  const injecting = { scanner, injection: new LabelInjection({ engine: "engine0", pid: "1" }, scanner) };
  const other = parse([Buffer.from(OTHER)], {});

  const run = (input: Uint8Array): void => {
    const page = parse(chunksOf(input), {});
    const lines = Buffer.from(input).toString("latin1").split("\n").length;
    assert.ok(page.series + sum(page.refused) <= lines, "no line counts twice");
    assert.ok(page.series <= MAX_SERIES);
    assert.equal(page.bytes, input.length);
    const text = printFamilies(page.families);
    readStrictly(text);
    const again = parse([text], {});
    assert.deepEqual(familiesOf(again), familiesOf(page), "what is printed reads the same");
    assert.equal(sum(again.refused), 0);
    assert.equal(again.series, page.series);
    const whole = parse([input], {});
    assert.deepEqual(familiesOf(whole), familiesOf(page), "the same in one piece");
    assert.deepEqual(whole.refused, page.refused);
    if (numberOf(input) % MERGE_EVERY !== 0) return;

    const labelled = parse([input], injecting);
    readStrictly(printFamilies(labelled.families));
    assert.ok(labelled.series <= page.series, "labels make no series");
    const { families } = mergePages([labelled, other], false);
    readStrictly(printFamilies(families));
    readStrictly(Buffer.concat([printOpenMetrics(families), Buffer.from(OPEN_METRICS_END)]), "openmetrics");
  };
  return { run };
}
