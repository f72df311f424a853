/**
 * A block manager that keeps copies of an engine's blocks on the host and on disk, and says so over real sockets: what it
 * copies, drops, loses on the way and forgets is the test's to say, and what it holds is known at any time.
 */
import type { TestContext } from "node:test";
import { encode } from "@msgpack/msgpack";
import type { TrafficConfig } from "../../src/main/config/config.ts";
import { PARENT, RAW_KIND, RawEvent } from "../../src/main/engine/raw-event.ts";
import { Traffic } from "../../src/main/engine/traffic.ts";
import { Contents } from "./block-contents.ts";
import { END_V2, replyV2, ScriptedPublisher, scriptedReplay } from "./scripted-publisher.ts";

/** A stored event of an engine. */
export interface EngineStore {
  readonly hashes: readonly bigint[];
  readonly parent: bigint | null;
  readonly tokens: readonly number[];
}

export type Medium = "CPU_TIER1" | "CPU_TIER2";

function hashAt(lo: number | undefined, hi: number | undefined): bigint {
  return (BigInt(hi ?? 0) << 32n) | BigInt(lo ?? 0);
}

/** The first stored events of made-up traffic of one rank. */
export function firstStores(config: TrafficConfig, count: number): EngineStore[] {
  const traffic = new Traffic(config);
  const raw = new RawEvent();
  const stores: EngineStore[] = [];
  while (stores.length < count && traffic.next(raw)) {
    if (raw.kind !== RAW_KIND.stored) continue;
    stores.push({
      hashes: Array.from({ length: raw.blockCount }, (_, i) => hashAt(raw.hashLo[i], raw.hashHi[i])),
      parent: raw.parent === PARENT.given ? hashAt(raw.parentLo, raw.parentHi) : null,
      tokens: [...raw.tokens.subarray(0, raw.tokenCount)],
    });
  }
  return stores;
}

export class HostTier {
  /** For `kvbm=`. */
  readonly source: string;
  readonly #publisher: ScriptedPublisher;
  /** Payloads of this run, by number. */
  readonly #messages: Buffer[];
  #events: number = 0;
  #contents: Contents = new Contents();
  /** By hash: its content, and the media that have it. */
  #held: Map<bigint, { readonly content: string; readonly media: Set<Medium> }> = new Map();

  private constructor(publisher: ScriptedPublisher, replay: string, messages: Buffer[]) {
    this.#publisher = publisher;
    this.#messages = messages;
    this.source = `kvbm=${publisher.endpoint}?replay=${replay}`;
  }

  static async bind(t: TestContext): Promise<HostTier> {
    const messages: Buffer[] = [];
    const replay = await scriptedReplay(t, async ({ from, answer }) => {
      for (const [i, payload] of messages.entries()) if (from !== null && i >= from) await answer(replyV2(i, payload));
      await answer(END_V2);
    });
    return new HostTier(await ScriptedPublisher.bind(t), replay, messages);
  }

  /** Contents of the blocks that it has in any medium. */
  contents(): Set<string> {
    return new Set([...this.#held.values()].map(({ content }) => content));
  }

  /** Events of all runs so far. */
  get events(): number {
    return this.#events;
  }

  /** Resolves with that many subscriptions more. */
  async subscribed(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.#publisher.subscribed();
  }

  async store({ hashes, parent, tokens }: EngineStore, medium: Medium, isLost: boolean = false): Promise<void> {
    const size = tokens.length / hashes.length;
    for (const [i, hash] of hashes.entries()) {
      const before = i === 0 ? parent : (hashes[i - 1] ?? null);
      const content = this.#contents.of(0, hash, before, tokens.slice(i * size, (i + 1) * size));
      const held = this.#held.get(hash) ?? { content, media: new Set() };
      held.media.add(medium);
      this.#held.set(hash, held);
    }
    const event = {
      type: "BlockStored",
      block_hashes: hashes,
      parent_block_hash: parent,
      token_ids: tokens,
      block_size: size,
      medium,
    };
    await this.#publish(event, isLost);
  }

  async remove(hashes: readonly bigint[], medium: Medium, isLost: boolean = false): Promise<void> {
    for (const hash of hashes) {
      const held = this.#held.get(hash);
      held?.media.delete(medium);
      if (held?.media.size === 0) this.#held.delete(hash);
    }
    await this.#publish({ type: "BlockRemoved", block_hashes: hashes, medium }, isLost);
  }

  /** A message that is none. */
  async garbage(): Promise<void> {
    await this.#send(Buffer.from("no batch"), false);
  }

  /** Holds nothing, and counts from 0 again. */
  restart(): void {
    this.#messages.length = 0;
    this.#held = new Map();
    this.#contents = new Contents();
  }

  /** `isLost`: it goes to the replay only. */
  async #publish(event: unknown, isLost: boolean): Promise<void> {
    this.#events++;
    // No two messages of two runs are the same.
    const seconds = performance.timeOrigin / 1000 + performance.now() / 1000;
    await this.#send(Buffer.from(encode([seconds, [event], 0], { useBigInt64: true })), isLost);
  }

  async #send(payload: Buffer, isLost: boolean): Promise<void> {
    const number = this.#messages.push(payload) - 1;
    if (!isLost) await this.#publisher.send(number, payload);
  }
}
