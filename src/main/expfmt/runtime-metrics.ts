/**
 * `RuntimeMetrics`: where the parts of a program put their metrics texts, to be scraped as one page. ANY THREAD.
 *
 * The texts are read and merged, not strung together: a family that two callbacks print is on the page once, and a callback
 * that prints nonsense costs its own bad lines.
 */
import { messageOf } from "../../shared/errors.ts";
import { mergePages } from "./merge-pages.ts";
import { type ExpositionPage, PageParser } from "./page-parser.ts";
import { printFamilies } from "./print-page.ts";
import { type ExpfmtLog, PROCESS_LOG } from "./prometheus-expfmt.ts";
import { REFUSALS, type RefusalCounts } from "./refusal.ts";

/** Gives a text in the Prometheus text format; called at each scrape. */
export type ExpfmtCallback = () => string | Promise<string>;

export interface RuntimeMetricsOptions {
  /** Default: warnings and errors become warnings of the process. */
  readonly log?: ExpfmtLog;
}

export class RuntimeMetrics {
  readonly #log: ExpfmtLog;
  readonly #callbacks: ExpfmtCallback[] = [];

  constructor(options: RuntimeMetricsOptions = {}) {
    this.#log = options.log ?? PROCESS_LOG;
  }

  /** Adds a text to the page. The order of families is that of the callbacks; of two types for one family the first counts. */
  registerPrometheusExpfmtCallback(callback: ExpfmtCallback): void {
    this.#callbacks.push(callback);
  }

  /** The page of all callbacks, in the text format 0.0.4. Never rejects: a callback that does is left out. */
  async prometheusExpfmt(): Promise<string> {
    const texts = await Promise.all(this.#callbacks.map((callback) => this.#call(callback)));
    const pages = texts.map(pageOf);
    const { families, refused } = mergePages(pages, false);
    this.#tellRefused([...pages.map((page) => page.refused), ...refused]);
    return printFamilies(families).toString();
  }

  async #call(callback: ExpfmtCallback): Promise<string> {
    try {
      return await callback();
    } catch (error) {
      this.#log.error(`a metrics callback failed, and its metrics are left out: ${messageOf(error)}`);
      return "";
    }
  }

  #tellRefused(all: readonly RefusalCounts[]): void {
    const sums = REFUSALS.map((reason) => [reason, all.reduce((sum, counts) => sum + counts[reason], 0)] as const);
    const told = sums.filter(([, lines]) => lines > 0).map(([reason, lines]) => `${reason} ${lines}`);
    if (told.length > 0) this.#log.warn(`metrics callbacks gave lines that are left out: ${told.join(", ")}`);
  }
}

function pageOf(text: string): ExpositionPage {
  const parser = new PageParser();
  parser.push(Buffer.from(text.endsWith("\n") ? text : `${text}\n`));
  return parser.end();
}
