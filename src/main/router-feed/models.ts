/**
 * One index for each model and routing group: their blocks have nothing to do with each other. MAIN THREAD.
 */
import { type FullPolicy, RouterIndex } from "../router-index/router-index.ts";
import { BlockFeed } from "./block-feed.ts";
import { FeedCounters } from "./feed-counters.ts";
import { LoadBook } from "./load-book.ts";

/** Models come from those who register workers. */
const MAX_MODELS = 64;

export interface ModelName {
  readonly model: string;
  readonly group: string;
}

export interface Model extends ModelName {
  readonly feed: BlockFeed;
  readonly loads: LoadBook;
}

export interface ModelsOptions {
  /** Of each model. */
  readonly maxPairs: number;
  readonly onFull: FullPolicy;
}

export class Models {
  readonly #options: ModelsOptions;
  readonly #models: Map<string, Model> = new Map();

  constructor(options: ModelsOptions) {
    this.#options = options;
  }

  find({ model, group }: ModelName): Model | null {
    return this.#models.get(keyOf(model, group)) ?? null;
  }

  /** The model of that name, a new one if there is none. Null: there are too many. */
  take({ model, group }: ModelName, blockSizeTokens: number): Model | null {
    const known = this.find({ model, group });
    if (known !== null || this.#models.size === MAX_MODELS) return known;
    const feed = new BlockFeed(new RouterIndex(this.#options), new FeedCounters(), blockSizeTokens);
    const made = { model, group, feed, loads: new LoadBook() };
    this.#models.set(keyOf(model, group), made);
    return made;
  }

  all(): Iterable<Model> {
    return this.#models.values();
  }
}

function keyOf(model: string, group: string): string {
  return `${model.length}:${model}:${group}`;
}
