/**
 * All engines' metrics as one block of our page, merged once for each set of pages. MAIN THREAD.
 *
 * A family that we have too (Python and Node both tell of their `process_…`) is no part of the block: it goes into ours.
 */
import type { PageCounters } from "../engine-page/page-counters.ts";
import type { ExpositionFamily } from "../expfmt/family.ts";
import { mergePages } from "../expfmt/merge-pages.ts";
import type { ExpositionPage } from "../expfmt/page-parser.ts";
import { printFamilies, printOpenMetrics } from "../expfmt/print-page.ts";
import { noRefusals, REFUSALS } from "../expfmt/refusal.ts";
import type { PageView } from "./engine-page-families.ts";

/** An engine's page, and what is counted of it. */
export interface BlockSource extends PageView {
  page(): ExpositionPage | null;
}

/** The metrics of the engines at one moment. */
export interface EngineBlock {
  /** Families that are ours too, by name: their lines go behind our own. */
  readonly shared: ReadonlyMap<string, ExpositionFamily>;
  /** All others, in each format. */
  text(): Buffer;
  openMetrics(): Buffer;
}

const NO_FAMILIES: ReadonlyMap<string, ExpositionFamily> = new Map();
const NOTHING: Buffer = Buffer.alloc(0);
export const NO_BLOCK: EngineBlock = { shared: NO_FAMILIES, text: () => NOTHING, openMetrics: () => NOTHING };

export class EngineBlocks {
  readonly #sources: readonly BlockSource[];
  /** Our own families, without a line: what a page says of them must fit. */
  readonly #own: ExpositionPage;
  readonly #ownNames: ReadonlySet<string>;
  #pages: readonly ExpositionPage[] = [];
  #engines: ReadonlySet<string> = new Set();
  #block: EngineBlock = NO_BLOCK;

  constructor(sources: readonly BlockSource[], own: readonly Pick<ExpositionFamily, "name" | "type">[]) {
    this.#sources = sources;
    this.#ownNames = new Set(own.map(({ name }) => name));
    const families = own.map(({ name, type }) => ({ name, type, help: null, lines: [], hasTimestamps: false }));
    this.#own = { families, series: 0, bytes: 0, refused: noRefusals(), isWhole: true, gotAllLabels: true };
  }

  /** Whether the block that was made last has metrics of that engine's own. */
  shows(engine: string): boolean {
    return this.#engines.has(engine);
  }

  /** The block of the pages as they are now; the same object while they are the same. */
  current(): EngineBlock {
    const shown: { readonly counters: PageCounters; readonly page: ExpositionPage }[] = [];
    for (const source of this.#sources) {
      const page = source.page();
      if (page !== null) shown.push({ counters: source.counters, page });
    }
    const pages = shown.map(({ page }) => page);
    if (pages.length === this.#pages.length && pages.every((page, i) => page === this.#pages[i])) return this.#block;
    this.#pages = pages;
    this.#engines = new Set(shown.map(({ counters }) => counters.engine));
    const areDistinct = pages.length === 1 || pages.every(({ gotAllLabels }) => gotAllLabels);
    const { families, refused } = mergePages([this.#own, ...pages], areDistinct);
    for (const [i, { counters }] of shown.entries()) {
      for (const reason of REFUSALS) counters.refused[reason] += refused[i + 1]?.[reason] ?? 0;
    }
    this.#block = pages.length === 0 ? NO_BLOCK : blockOf(families, this.#ownNames);
    return this.#block;
  }
}

function blockOf(families: readonly ExpositionFamily[], own: ReadonlySet<string>): EngineBlock {
  const shared = new Map<string, ExpositionFamily>();
  const others: ExpositionFamily[] = [];
  for (const family of families) {
    if (!own.has(family.name)) others.push(family);
    else if (family.lines.length > 0) shared.set(family.name, family);
  }
  let text: Buffer | null = null;
  let openMetrics: Buffer | null = null;
  return {
    shared,
    text: () => (text ??= printFamilies(others)),
    openMetrics: () => (openMetrics ??= printOpenMetrics(others, (name) => own.has(name))),
  };
}
