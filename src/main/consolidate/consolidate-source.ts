/**
 * One source of the consolidator: subscribes, has gaps filled by replay, and feeds what comes into the tracker. MAIN THREAD.
 *
 * Each source has a loop of its own and waits for nothing but its own publisher and room behind the tracker.
 */
import { wallClockSeconds } from "../../shared/clock.ts";
import type { ConsolidateConfig } from "../config/load-consolidate.ts";
import type { Logger } from "../log.ts";
import { refusalText } from "../tail/handshake-refusal.ts";
import { MessageStream } from "../tail/message-stream.ts";
import type { RawMessage } from "../tail/raw-message.ts";
import type { StreamCounters, StreamItem } from "../tail/stream-items.ts";
import type { Consolidator } from "./consolidator.ts";
import type { Egress } from "./egress.ts";
import { SourceCounters } from "./source-counters.ts";
import { WireFeed } from "./wire-feed.ts";

/** A message is read into one batch; what is longer is no batch of events. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** Publishers serve replays between two batches, and some stop in the middle; meanwhile live messages wait. */
const REPLAY_TIMEOUT_MS = 2000;

/** What a message becomes once it has been fed. */
const TAKEN = { kind: "taken" } as const;

export class ConsolidateSource {
  readonly counters: SourceCounters;
  readonly #number: number;
  readonly #config: ConsolidateConfig;
  readonly #consolidator: Consolidator;
  readonly #egress: Egress;
  readonly #log: Logger;
  readonly #feed: WireFeed;
  readonly #stream: MessageStream<typeof TAKEN>;
  /** A message came. */
  #hasBegun: boolean = false;

  constructor(number: number, config: ConsolidateConfig, consolidator: Consolidator, egress: Egress, log: Logger) {
    const source = config.sources[number];
    if (source === undefined) throw new RangeError(`there is no source ${number}`);
    this.#number = number;
    this.#config = config;
    this.#consolidator = consolidator;
    this.#egress = egress;
    this.#log = log;
    this.counters = new SourceCounters(`${source.kind}${number}`, source.kind);
    const feed = (this.#feed = new WireFeed({
      source: number,
      kind: source.kind,
      consolidator,
      counters: this.counters,
      onlyBlockSizeTokens: config.onlyBlockSizeTokens,
      compat: config.compat,
      identity: config.identity,
    }));
    this.#stream = new MessageStream(
      {
        endpoint: source.endpoint,
        replayFraming: source.replayFraming,
        curve: source.curve ?? null,
        replayTimeoutMs: REPLAY_TIMEOUT_MS,
        maxMessageBytes: MAX_MESSAGE_BYTES,
        allowsUnnumbered: true,
        // Who begins late, or again, reads what the publisher still keeps, and after a lost connection what it has missed.
        ...(source.replayEndpoint === null ? {} : { replayEndpoint: source.replayEndpoint, from: 0 }),
        onRefusal: (refusal) =>
          this.#log.limited("publisher refuses").warn("a publisher does not let this subscriber in", {
            endpoint: source.endpoint,
            ...refusalText(refusal, source.curve !== undefined),
          }),
        onConnection: (connected) => this.#onConnection(connected, source.endpoint),
      },
      (message, _way, counters) => {
        count(message, counters);
        this.#hasBegun = true;
        feed.take(message.payload, wallClockSeconds());
        return TAKEN;
      },
    );
    this.counters.stream = this.#stream.counters;
  }

  /** Runs until `stop()`. Rejects when the address is none that can be connected to. */
  async run(): Promise<void> {
    for await (const item of this.#stream) {
      if (item.kind !== "taken") this.#onNews(item);
      const wait = this.#egress.notify();
      if (wait !== null) await wait;
    }
  }

  stop(): void {
    this.#stream.close();
  }

  #onConnection(connected: boolean, endpoint: string): void {
    this.counters.up = connected ? 1 : 0;
    const log = this.#log.limited(`connection ${this.counters.source}`);
    if (connected) log.info("connected to a source", { source: this.counters.source, endpoint });
    else log.warn("lost the connection to a source", { source: this.counters.source, endpoint });
  }

  #onNews(item: StreamItem): void {
    const { source } = this.counters;
    if (item.kind === "gap" && !item.healed) {
      const messages = item.to - item.from + 1;
      // Nothing is held that could be wrong, and how much there has been before is not known.
      if (!this.#hasBegun) {
        this.counters.unseenMessages += messages;
        const text = "a source has published before: blocks that it holds from then are not known";
        this.#log.limited(`late ${source}`).info(text, { source, first_sequence: item.to + 1, reason: item.reason });
        return;
      }
      const cleared = this.#config.onGap === "clear";
      this.#log
        .limited(`gap ${source}`)
        .warn("messages of a source are lost", { source, messages, reason: item.reason, cleared });
      if (cleared) this.#consolidator.clear(this.#number, null);
    } else if (item.kind === "restart") {
      // Dynamo's consolidator does not look at numbers: there, the blocks of the run before stay for ever.
      const cleared = !this.#config.compat;
      this.#feed.restart();
      this.#log.limited(`restart ${source}`).warn("a source began anew", { source, cleared });
      if (cleared) this.#consolidator.clear(this.#number, null);
    }
  }
}

function count({ sequence, payload }: RawMessage, counters: StreamCounters): void {
  if (sequence >= 0) counters.lastSequence = sequence;
  counters.messages++;
  counters.bytes += payload.length;
}
