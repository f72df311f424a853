/** What a reader of the consolidator's output must be able to rely on, checked event by event. */
import assert from "node:assert/strict";
import type { KvEvent } from "../../src/main/tail/kv-event.ts";
import { StreamClient } from "../../src/main/tail/stream-client.ts";

/** Live blocks by rank, as the stream tells them. */
export class ConsolidatedView {
  events: number = 0;
  readonly live: Map<number, Set<bigint>> = new Map();
  readonly #told: Set<bigint> = new Set();

  /** Fails when a live block is stored, a dead one removed, or a parent was never told of. */
  apply(event: KvEvent, rank: number): void {
    this.events++;
    let live = this.live.get(rank);
    if (live === undefined) this.live.set(rank, (live = new Set()));
    if (event.type === "cleared") live.clear();
    else if (event.type === "removed") {
      for (const hash of event.hashes) assert.ok(live.delete(hash), `#${this.events}: a dead block is removed`);
    } else if (event.type === "stored") {
      assert.equal(event.hashes.length, 1, "one block an event");
      const [hash = 0n] = event.hashes;
      assert.ok(!live.has(hash), `#${this.events}: a live block is stored again`);
      if (event.parent !== null) assert.ok(this.#told.has(event.parent), `#${this.events}: an unknown parent`);
      live.add(hash);
      this.#told.add(hash);
    } else assert.fail(`an event of type ${event.type}`);
  }
}

/** Reads an endpoint; `until` resolves when so many events have come. Nothing may be missing. */
export class ConsolidatedReader {
  readonly view: ConsolidatedView = new ConsolidatedView();
  readonly client: StreamClient;
  readonly done: Promise<void>;
  #wanted: { readonly events: number; readonly reached: () => void } | null = null;

  constructor(endpoint: string) {
    this.client = new StreamClient({ endpoint });
    this.done = this.#read();
  }

  async until(events: number): Promise<ConsolidatedView> {
    const reached = new Promise<void>((resolve) => {
      this.#wanted = { events, reached: resolve };
      this.#check();
    });
    await Promise.race([reached, this.done]);
    return this.view;
  }

  async #read(): Promise<void> {
    for await (const item of this.client) {
      assert.equal(item.kind, "batch");
      if (item.kind !== "batch") return;
      for (const event of item.batch.events) this.view.apply(event, item.batch.rank ?? -1);
      this.#check();
    }
  }

  #check(): void {
    if (this.#wanted !== null && this.view.events >= this.#wanted.events) this.#wanted.reached();
  }
}
