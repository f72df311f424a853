/**
 * Reads the events of an engine for a while, as `serve` would, and throws them away. MAIN THREAD.
 *
 * What it reads is lost for everybody else, so it is done only when asked for. It is the one way to see without a running service
 * whether events are made, and whether somebody else takes half of them.
 */
import type { HttpEngineConfig, PollProfile } from "../config/config.ts";
import { HttpSource } from "../engine/http-source.ts";
import { infoFacts } from "../engine/engine-probe.ts";
import { RAW_KIND, type RawEvent } from "../engine/raw-event.ts";
import type { EventSink } from "../engine/source.ts";
import type { Logger } from "../log.ts";
import { jsonOf, lookAt } from "../http/http-look.ts";
import { urlBelow } from "../http/url-below.ts";
import { EngineCounters } from "../metrics/engine-counters.ts";
import { Findings, type Finding } from "./finding.ts";

/** Where the engine does not tell how many events it keeps. */
const USUAL_BUFFER_EVENTS = 1024;
const TIMEOUT_MS = 5000;
const LARGEST_BLOCK_TOKENS = 65_536;

export interface DrainExamOptions {
  readonly config: HttpEngineConfig;
  readonly profile: PollProfile;
  readonly kvBlockSizeTokens: number;
  readonly attentionDpSize: number;
  readonly seconds: number;
  readonly log: Logger;
}

/** What the events said. */
class Tally implements EventSink {
  events: number = 0;
  stored: number = 0;
  missing: number = 0;
  largestRead: number = 0;
  largestBlockTokens: number = 0;
  /** By rank. */
  readonly #lastIds: Map<number, number> = new Map();

  accept(event: RawEvent): boolean {
    this.events++;
    const last = this.#lastIds.get(event.rank);
    if (last !== undefined && event.eventId > last) this.missing += event.eventId - last - 1;
    if (this.#lastIds.size < LARGEST_BLOCK_TOKENS) this.#lastIds.set(event.rank, event.eventId);
    if (event.kind === RAW_KIND.stored) this.#noteBlocks(event);
    return true;
  }

  retry(): boolean {
    return true;
  }

  writable(): Promise<void> {
    return Promise.resolve();
  }

  flush(): void {}

  #noteBlocks({ blockCount, tokenEnd }: RawEvent): void {
    this.stored++;
    let begin = 0;
    for (let i = 0; i < blockCount; i++) {
      const end = tokenEnd[i] as number;
      this.largestBlockTokens = Math.max(this.largestBlockTokens, end - begin);
      begin = end;
    }
  }
}

/** Reads for `seconds`. Never rejects for what an engine does. */
export async function examineDrain(options: DrainExamOptions): Promise<readonly Finding[]> {
  const { config, profile, kvBlockSizeTokens, attentionDpSize, seconds, log } = options;
  const tally = new Tally();
  const counters = new EngineCounters(config.name, config.kind, attentionDpSize);
  const onDrain = (events: number): void => {
    tally.largestRead = Math.max(tally.largestRead, events);
  };
  const source = new HttpSource({ config, profile, sink: tally, counters, onDrain, log });
  const timer = setTimeout(() => source.stop(), seconds * 1000);
  await source.run();
  clearTimeout(timer);
  const findings = new Findings("engine", `${config.name} ${config.url.origin}`);
  tellReads(findings, counters, tally, seconds);
  tellMissing(findings, tally, await bufferOf(config));
  tellBlocks(findings, tally, kvBlockSizeTokens);
  return findings.list;
}

function tellReads(findings: Findings, { polls }: EngineCounters, { events }: Tally, seconds: number): void {
  if (polls.error > 0) {
    findings.fail("reads", {
      says: `${polls.error} of ${polls.error + polls.items + polls.empty} reads of events failed`,
      why: "what the engine had put into a lost answer is lost",
      fix: "look at the warnings above for the reason",
    });
  }
  if (events > 0) findings.ok("events", `${events} events within ${seconds} s`);
  else if (polls.empty > 0) {
    findings.warn("events", {
      says: `no event within ${seconds} s`,
      why: "an idle engine, one that collects no events, and one whose executor is dead answer alike: 200 and an empty list",
      fix: "send it a request and look again; then check event_buffer_max_size, enable_block_reuse, and that it does not stream its events over ZMQ",
    });
  }
}

/** How many events the engine keeps between two reads. */
async function bufferOf(config: HttpEngineConfig): Promise<number> {
  const { body } = await lookAt(urlBelow(config.url, "server_info"), { timeoutMs: TIMEOUT_MS, credentials: config });
  return infoFacts(jsonOf(body)).eventBufferCapacity ?? USUAL_BUFFER_EVENTS;
}

/** A buffer that overflows is read full: a read that was not even half of it has lost nothing that way. */
function tellMissing(findings: Findings, { events, missing, largestRead }: Tally, bufferEvents: number): void {
  if (events === 0) return;
  const says = `${missing} of ${missing + events} event ids are missing`;
  if (missing === 0) findings.ok("event_ids", "without a hole");
  else if (largestRead < bufferEvents / 2) {
    findings.fail("second_consumer", {
      says,
      why: `no read had more than ${largestRead} events, and the engine keeps ${bufferEvents}: somebody else reads it, and each event goes to one`,
      fix: "end the other reader: a second kvcast, a script, or the KV-aware router of trtllm-serve's disaggregated mode",
    });
  } else {
    findings.fail("event_ids", {
      says,
      why: "the engine's buffer overflows between two reads, or somebody else reads it too",
      fix: "set kv_cache_config.event_buffer_max_size higher, and look for another reader",
    });
  }
}

function tellBlocks(findings: Findings, { stored, largestBlockTokens }: Tally, expected: number): void {
  if (stored === 0) return;
  if (largestBlockTokens === expected) findings.ok("event_blocks", `blocks of ${expected} tokens`);
  else {
    findings.fail("event_blocks", {
      says: `the largest block has ${largestBlockTokens} tokens, --kv-block-size is ${expected}`,
      why: "blocks that are larger are invalid, smaller ones count as partial: next to nothing is published",
      fix: "set --kv-block-size to the engine's tokens_per_block",
    });
  }
}
