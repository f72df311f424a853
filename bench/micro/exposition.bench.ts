/**
 * What `/metrics` costs the main thread: a page of our own, and a page of an engine: reading a megabyte of it, and what a scrape
 * then does with it.
 */
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { Metrics } from "../../src/main/metrics/registry.ts";
import { EPOCH, FakePipeline } from "../../test/support/fake-pipeline.ts";
import { atLeast } from "../goal.ts";
import { MetricsPage } from "../../src/main/metrics/metrics-page.ts";
import { EngineBlocks } from "../../src/main/metrics/engine-block.ts";
import { PageCounters } from "../../src/main/engine-page/page-counters.ts";
import { type ExpositionPage, PageParser } from "../../src/main/expfmt/page-parser.ts";
import type { MicroCase } from "./micro-case.ts";

const PAGE_BYTES = 1_000_000;
/** As a fetch hands them over. */
const SLICE_BYTES: number = 16 * 1024;

/** A page with the labels and the shape of TensorRT-LLM's: mostly histograms. */
function madeUpPage(): Buffer {
  let text = "";
  for (let family = 0; text.length < PAGE_BYTES; family++) {
    const name = `trtllm_made_up_${family}_seconds`;
    text += `# HELP ${name} Made up\n# TYPE ${name} histogram\n`;
    for (let replica = 0; replica < 4; replica++) {
      const labels = `engine_type="pytorch",model_name="Llama-3.3-70B-Instruct-FP8",replica="${replica}"`;
      for (let le = 1; le <= 20; le++) text += `${name}_bucket{le="${le}.0",${labels}} ${le * 17}.0\n`;
      text += `${name}_sum{${labels}} 1234.5\n${name}_count{${labels}} 340.0\n`;
    }
  }
  return Buffer.from(text);
}

function parse(bytes: Buffer): ExpositionPage {
  const parser = new PageParser();
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) parser.push(bytes.subarray(at, at + SLICE_BYTES));
  return parser.end();
}

/** Longer than a page is handed out again, so that each one is made. */
const STEP_MS = 1000;

/** A service with four engines and both sinks, as far as its numbers go: with Node's own some 750 series. */
function ownMetrics(): Metrics {
  const pipeline = new FakePipeline();
  pipeline.natsUse = "events";
  let clockMs = 0;
  return new Metrics({
    engines: ["a", "b", "c", "d"].map((name) => new EngineCounters(name, "http", 1)),
    pipeline,
    version: "0",
    epoch: EPOCH,
    logCounts: { info: 1, warn: 1, error: 0 },
    requests: { entries: () => [{ handler: "/metrics", code: 200, count: 1 }] },
    now: () => (clockMs += STEP_MS),
  });
}

export const EXPOSITION_CASES: readonly MicroCase[] = [
  {
    name: "exposition/own-page",
    unit: "pages",
    goals: [atLeast(500, "< 2 ms")],
    prepare() {
      const metrics = ownMetrics();
      return { perCall: 1, work: async () => (await metrics.page()).body("text").length };
    },
  },
  {
    name: "exposition/parse-1MB",
    unit: "pages",
    goals: [atLeast(80, "< 12.5 ms, so that with merging it is < 15")],
    prepare() {
      const bytes = madeUpPage();
      return { perCall: 1, bytesPerCall: bytes.length, work: () => parse(bytes).series };
    },
  },
  {
    name: "exposition/merge-1MB",
    unit: "pages",
    goals: [atLeast(400, "< 2.5 ms")],
    prepare() {
      const pages = [parse(madeUpPage()), parse(madeUpPage())];
      let turn = 0;
      const counters = new PageCounters("engine0");
      const blocks = new EngineBlocks([{ counters, ageSeconds: () => 0, page: () => pages[turn++ % 2] ?? null }], []);
      return { perCall: 1, work: () => new MetricsPage("", blocks.current()).body("text").length };
    },
  },
];
