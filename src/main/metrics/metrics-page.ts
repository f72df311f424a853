/**
 * One page of metrics in all its forms: two formats, plain or compressed. MAIN THREAD; compression is on Node's pool.
 *
 * Each form is made when it is first asked for, and once: any number of scrapers share it.
 */
import { promisify } from "node:util";
import { gzip as gzipWithCallback } from "node:zlib";
import { familyType } from "../expfmt/family.ts";
import { OPEN_METRICS_END, openMetricsHead, openMetricsLines } from "../expfmt/open-metrics.ts";
import { SeriesFilter } from "../expfmt/series-filter.ts";
import type { EngineBlock } from "./engine-block.ts";

export type PageFormat = "text" | "openmetrics";

const gzip = promisify(gzipWithCallback);
/** The quickest: metrics shrink to a tenth with it already. */
const GZIP_LEVEL = 1;
const HEAD = /^(?:# HELP \S+ ?(.*)\n)?# TYPE (\S+) (\w+)(?:\n|$)/;

export class MetricsPage {
  /** Our own families, as prom-client prints them. */
  readonly #own: string;
  readonly #engines: EngineBlock;
  readonly #bodies: Map<PageFormat, Buffer> = new Map();
  readonly #compressed: Map<PageFormat, Promise<Buffer>> = new Map();

  constructor(own: string, engines: EngineBlock) {
    this.#own = own;
    this.#engines = engines;
  }

  body(format: PageFormat): Buffer {
    let body = this.#bodies.get(format);
    if (body === undefined) {
      body = format === "text" ? this.#text() : this.#openMetrics();
      this.#bodies.set(format, body);
    }
    return body;
  }

  gzipped(format: PageFormat): Promise<Buffer> {
    let body = this.#compressed.get(format);
    if (body === undefined) {
      body = gzip(this.body(format), { level: GZIP_LEVEL });
      this.#compressed.set(format, body);
    }
    return body;
  }

  #text(): Buffer {
    if (this.#engines.shared.size === 0) return Buffer.concat([Buffer.from(this.#own), this.#engines.text()]);
    const parts: Uint8Array[] = [];
    for (const family of ownFamilies(this.#own)) {
      parts.push(Buffer.from(`# HELP ${family.name} ${family.help}\n# TYPE ${family.name} ${family.type}\n`));
      parts.push(...this.#lines(family, "text"));
    }
    return Buffer.concat([...parts, this.#engines.text()]);
  }

  #openMetrics(): Buffer {
    const parts: Uint8Array[] = [];
    const families = ownFamilies(this.#own);
    const names = new Set(families.map(({ name }) => name));
    for (const family of families) {
      const { name, help } = family;
      const type = familyType(family.type) ?? "untyped";
      parts.push(Buffer.from(openMetricsHead({ name, type, help }, (other) => names.has(other))));
      parts.push(...this.#lines(family, "openmetrics"));
    }
    return Buffer.concat([...parts, this.#engines.openMetrics(), Buffer.from(OPEN_METRICS_END)]);
  }

  /** Our own lines, and behind them those that engines have of the family and we do not. */
  #lines({ name, samples }: OwnFamily, format: PageFormat): readonly Uint8Array[] {
    const own = Buffer.from(samples);
    const theirs = this.#engines.shared.get(name);
    if (theirs === undefined) return [own];
    const filter = new SeriesFilter();
    filter.keepNew([own]);
    const lines = format === "text" ? theirs.lines : openMetricsLines(theirs);
    return [own, ...filter.keepNew(lines).lines];
  }
}

interface OwnFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  /** Whole lines. */
  readonly samples: string;
}

/** prom-client parts families by an empty line, and no line of ours is empty. */
function ownFamilies(text: string): readonly OwnFamily[] {
  return text
    .trimEnd()
    .split("\n\n")
    .flatMap((block) => {
      const head = HEAD.exec(block);
      if (head === null) return [];
      const [whole, help = "", name = "", type = ""] = head;
      const samples = block.slice(whole.length);
      return [{ name, type, help, samples: samples === "" ? "" : `${samples}\n` }];
    });
}
