/** What a page of an engine costs the main thread: reading a megabyte of it, and what a scrape then does with it. */
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

export const EXPOSITION_CASES: readonly MicroCase[] = [
  {
    name: "exposition/parse-1MB",
    unit: "pages",
    prepare() {
      const bytes = madeUpPage();
      return { perCall: 1, bytesPerCall: bytes.length, work: () => parse(bytes).series };
    },
  },
  {
    name: "exposition/merge-1MB",
    unit: "pages",
    prepare() {
      const pages = [parse(madeUpPage()), parse(madeUpPage())];
      let turn = 0;
      const counters = new PageCounters("engine0");
      const blocks = new EngineBlocks([{ counters, ageSeconds: () => 0, page: () => pages[turn++ % 2] ?? null }], []);
      return { perCall: 1, work: () => new MetricsPage("", blocks.current()).body("text").length };
    },
  },
];
