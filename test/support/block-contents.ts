/**
 * Blocks by what is in them, whatever they are called: two streams agree when the same contents are live in both. The content
 * of a block is its rank, its tokens and all tokens before it.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { TestContext } from "node:test";
import type { KvEvent } from "../../src/main/tail/kv-event.ts";
import { StreamClient } from "../../src/main/tail/stream-client.ts";
import type { BlockModel } from "./block-model.ts";
import { ConsolidatedView } from "./consolidated.ts";

/** `before`: the content of the parent, or of none the rank. */
function contentOf(before: string, tokens: string): string {
  return createHash("sha1").update(`${before}>${tokens}`).digest("base64");
}

/** Contents of the blocks of a rank, made from whole chains: `parent` names the block before, null at a root. */
export class Contents {
  readonly #known: Map<string, string> = new Map();

  /** Fails for a parent that was never given here. */
  of(rank: number, hash: bigint | number, parent: bigint | number | null, tokens: readonly number[]): string {
    const before = parent === null ? `rank ${rank}` : this.#known.get(`${rank} ${parent}`);
    assert.ok(before !== undefined, "the parent is known");
    const content = contentOf(before, tokens.join(","));
    this.#known.set(`${rank} ${hash}`, content);
    return content;
  }
}

/** Contents of the blocks in a snapshot, whose chains must be whole. */
export function contentsOfModel(model: BlockModel): Set<string> {
  const known = new Map<string, string>();
  const find = (rank: string, hash: string): string => {
    const key = `${rank} ${hash}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const block = model.blocks.get(key);
    assert.ok(block !== undefined, "a block of the snapshot has its parent in it");
    const [parent = "", tokens = ""] = block.split(" ");
    const content = contentOf(parent === "root" ? `rank ${rank}` : find(rank, parent), tokens);
    known.set(key, content);
    return content;
  };
  for (const key of model.blocks.keys()) {
    const [rank = "", hash = ""] = key.split(" ");
    find(rank, hash);
  }
  return new Set(known.values());
}

/** Reads a consolidator, over its restarts, and holds every event against what a reader must be able to rely on. */
export class StrictReader {
  /** Runs of the consolidator that came to an end. */
  restarts: number = 0;
  /** What went wrong; null when nothing did. */
  failure: unknown = null;
  readonly #endpoint: string;
  #view: ConsolidatedView = new ConsolidatedView();
  #contents: Contents = new Contents();
  /** By rank and hash. */
  readonly #live: Map<string, string> = new Map();

  constructor(t: TestContext, endpoint: string) {
    this.#endpoint = endpoint;
    const client = new StreamClient({ endpoint: this.#endpoint });
    t.after(() => client.close());
    void this.#read(client).catch((error: unknown) => (this.failure = error));
  }

  /** Events of this run. */
  get events(): number {
    return this.#view.events;
  }

  /** Of the blocks that are live now. */
  contents(): Set<string> {
    if (this.failure !== null) throw this.failure;
    return new Set(this.#live.values());
  }

  async #read(client: StreamClient): Promise<void> {
    for await (const item of client) {
      if (item.kind === "restart") this.#forget();
      else if (item.kind === "batch") for (const event of item.batch.events) this.#apply(event, item.batch.rank ?? -1);
      else assert.fail(`${item.kind}: nothing may be missing`);
    }
  }

  #apply(event: KvEvent, rank: number): void {
    this.#view.apply(event, rank);
    if (event.type === "stored") {
      const [hash = 0n] = event.hashes;
      this.#live.set(`${rank} ${hash}`, this.#contents.of(rank, hash, event.parent, event.tokens));
    } else if (event.type === "removed") {
      for (const hash of event.hashes) this.#live.delete(`${rank} ${hash}`);
    } else {
      for (const key of this.#live.keys()) if (key.startsWith(`${rank} `)) this.#live.delete(key);
    }
  }

  #forget(): void {
    this.restarts++;
    this.#view = new ConsolidatedView();
    this.#contents = new Contents();
    this.#live.clear();
  }
}
