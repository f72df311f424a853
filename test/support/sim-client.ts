/** Reads the stand-in engine as its clients do, and tells what its events should look like. */
import { Agent, type ClientRequest, request } from "node:http";
import type { TrafficConfig } from "../../src/main/config/config.ts";
import { PARENT, RAW_KIND, RawEvent } from "../../src/main/engine/raw-event.ts";
import { Traffic } from "../../src/main/engine/traffic.ts";
import type { SimServer } from "../../src/main/sim/run-sim.ts";
import { type EventsForm, SIM_DEFAULTS, type SimConfig } from "../../src/main/sim/sim-config.ts";
import { SMALL_TRAFFIC, hashAt, u64 } from "./traffic-model.ts";

/** A stand-in engine on a free port, 1,000 small events a second. */
export function simConfig(changes: Partial<SimConfig> = {}, traffic: Partial<TrafficConfig> = {}): SimConfig {
  const made: TrafficConfig = { ...SMALL_TRAFFIC, events: Infinity, ratePerSecond: 1000, ...traffic };
  return { ...SIM_DEFAULTS, port: 0, kvBlockSizeTokens: made.tokens, traffic: made, ...changes };
}

/** Time that a test moves. */
export class SimClock {
  ms: number = 1000;
  readonly now: () => number = () => this.ms;
}

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
  readonly text: string;
  /** Whether the body ended as the head had promised. */
  readonly complete: boolean;
}

/** Each call has a connection of its own: what one fault breaks must not hurt the next call. */
export function call(sim: SimServer, method: string, path: string): Promise<Reply> {
  return begin(sim, method, path).reply;
}

export function drain(sim: SimServer): Promise<Reply> {
  return call(sim, "POST", "/kv_cache_events");
}

export interface Call {
  readonly request: ClientRequest;
  readonly reply: Promise<Reply>;
  /** Resolves with the first bytes of the body. */
  readonly firstBytes: Promise<Buffer>;
}

export function begin(sim: SimServer, method: string, path: string): Call {
  const outgoing = request({ host: "127.0.0.1", port: sim.port, method, path, agent: new Agent() });
  const firstBytes = new Promise<Buffer>((resolve) => {
    outgoing.once("response", (incoming) => incoming.once("data", resolve));
  });
  const reply = new Promise<Reply>((resolve, reject) => {
    outgoing.once("error", reject);
    outgoing.once("response", (incoming) => {
      const parts: Buffer[] = [];
      incoming.on("data", (part: Buffer) => parts.push(part));
      // A body that breaks off is an outcome here.
      incoming.once("error", () => {});
      incoming.once("close", () => {
        const body = Buffer.concat(parts);
        const { statusCode = 0, headers, complete } = incoming;
        resolve({ status: statusCode, type: headers["content-type"] ?? "", body, text: body.toString(), complete });
      });
    });
    outgoing.end();
  });
  return { request: outgoing, reply, firstBytes };
}

/** The body's event ids. Ids and counts are small, so a plain parse keeps them exact. */
export function idsOf(reply: Reply): number[] {
  return (JSON.parse(reply.text) as { event_id: number }[]).map((event) => event.event_id);
}

/** The first `count` events of a traffic, `created` ones included, one JSON text each. */
export function expectedEvents(config: TrafficConfig, form: EventsForm, count: number): string[] {
  const traffic = new Traffic(config);
  const raw = new RawEvent();
  const texts: string[] = [];
  while (texts.length < count && traffic.next(raw)) texts.push(expectedEvent(raw, form, config.ranks > 1));
  return texts;
}

/** A hash of the long form has 16 digits that count; in expected texts only those stand. */
export function shortenHex(text: string): string {
  return text.replaceAll(/"([0-9a-f]{16})[0-9a-f]{48}"/gu, '"$1"');
}

function expectedEvent(raw: RawEvent, form: EventsForm, withRank: boolean): string {
  const hash = (value: bigint): string => (form === "v2_sha256" ? value.toString(16).padStart(16, "0") : `#${value}`);
  const hashes = Array.from({ length: raw.blockCount }, (_, i) => hash(hashAt(raw, i)));
  const blocks = hashes.map((block_hash, i) => ({
    type: "stored_block",
    block_hash,
    tokens: [...raw.tokens.subarray(raw.tokenEnd[i - 1] ?? 0, raw.tokenEnd[i])].map((token_id) => ({
      type: "unique_token",
      token_id,
      token_extra_id: 0,
    })),
    cache_level: 0,
    priority: 35,
    ...(form === "legacy" ? {} : { mm_keys: [], cache_salt: null }),
  }));
  const parent_hash = raw.parent === PARENT.given ? hash(u64(raw.parentLo, raw.parentHi)) : null;
  const data =
    raw.kind === RAW_KIND.created
      ? { type: "created", num_blocks_per_cache_level: [262_144, 4096] }
      : raw.kind === RAW_KIND.removed
        ? { type: "removed", block_hashes: hashes }
        : { type: "stored", parent_hash, blocks };
  const event = {
    event_id: raw.eventId,
    data,
    ...(form === "legacy" ? {} : { window_size: raw.windowSize }),
    ...(withRank ? { attention_dp_rank: raw.rank } : {}),
    ...(form.startsWith("v2") ? { hash_algo: form, layer_group_id: 0 } : {}),
  };
  // What was written as a string in order to survive becomes the bare integer that the engine sends.
  return JSON.stringify(event).replaceAll(/"#(\d+)"/gu, "$1");
}
