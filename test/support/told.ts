/** What a `kvcast serve` tells its subscribers, in words: `r0 clear`, `r1 +7`, `r0 -7`. */
import type { TestContext } from "node:test";
import type { KvEvent } from "../../src/main/tail/kv-event.ts";
import { StreamClient } from "../../src/main/tail/stream-client.ts";
import { within } from "./fault/deadline.ts";

const PATIENCE_MS = 20_000;

export class Told {
  readonly words: string[] = [];
  readonly #expected: { readonly count: number; readonly done: () => void }[] = [];

  constructor(t: TestContext, endpoint: string) {
    const client = new StreamClient({ endpoint });
    t.after(() => client.close());
    void this.#read(client);
  }

  /** The first `count` words, once there are so many. */
  async first(count: number): Promise<readonly string[]> {
    if (this.words.length < count) {
      const there = new Promise<void>((done) => this.#expected.push({ count, done }));
      await within(`${count} events arrive`, PATIENCE_MS, there).catch((error: unknown) => {
        throw new Error(`${String(error)}; there are ${this.words.join(", ")}`);
      });
    }
    return this.words.slice(0, count);
  }

  async #read(client: StreamClient): Promise<void> {
    for await (const item of client) {
      if (item.kind !== "batch") this.words.push(item.kind);
      else for (const event of item.batch.events) this.words.push(`r${item.batch.rank} ${wordOf(event)}`);
      for (const { count, done } of this.#expected) if (this.words.length >= count) done();
    }
  }
}

function wordOf(event: KvEvent): string {
  if (event.type === "cleared") return "clear";
  if (event.type === "stored") return `${mediumOf(event)}+${event.hashes.join("+")}`;
  if (event.type === "removed") return `${mediumOf(event)}-${event.hashes.join("-")}`;
  return event.type;
}

function mediumOf({ medium }: { readonly medium: string | null }): string {
  return medium === null || medium === "GPU" ? "" : `${medium} `;
}
