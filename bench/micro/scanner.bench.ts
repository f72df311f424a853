/**
 * How fast the byte scanner turns a drain's body into events, beside `JSON.parse` on the same bytes.
 *
 * `JSON.parse` is the floor of what any other reader could do: it loses the low bits of the hashes and still makes all
 * objects.
 */
import { EventScanner } from "../../src/main/engine/event-scanner.ts";
import { RawEvent } from "../../src/main/engine/raw-event.ts";
import { atLeast, type Goal, multipleOf } from "../goal.ts";
import type { MicroCase } from "./micro-case.ts";

const TOKENS_A_BLOCK = 32;
const BODY_BYTES = 2_000_000;
/** What a socket delivers at most in one go. */
const SOCKET_CHUNK_BYTES = 64 * 1024;

/** `unusual` has the keys of a token in an order that no fast path expects. */
type Spelling = "compact" | "spaced" | "unusual";

interface Body {
  readonly bytes: Uint8Array;
  readonly blocks: number;
}

/** Small generator with a fixed seed: every run measures the same bytes. */
function makeRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function listOf(count: number, item: () => string): string {
  return Array.from({ length: count }, item).join(",");
}

/** Traffic of a busy engine: chains of 1 to 16 blocks, removals of as many, now and then a move between tiers. */
function makeBody(spelling: Spelling): Body {
  const random = makeRandom(7);
  const hash = (): string => `1${String(random(1e9)).padStart(9, "0")}${String(random(1e9)).padStart(9, "0")}`;
  const token = (): string =>
    spelling === "unusual"
      ? `{"token_id":${random(150_000)},"token_extra_id":0,"type":"unique_token"}`
      : `{"type":"unique_token","token_id":${random(150_000)},"token_extra_id":0}`;
  const block = (): string =>
    `{"type":"stored_block","block_hash":${hash()},"tokens":[${listOf(TOKENS_A_BLOCK, token)}],` +
    `"cache_level":0,"priority":35,"mm_keys":[],"cache_salt":null}`;
  const entries: string[] = [];
  let blocks = 0;
  let length = 0;
  for (let id = 0; length < BODY_BYTES; id++) {
    const count = 1 + random(16);
    let data = `{"type":"stored","parent_hash":${hash()},"blocks":[${listOf(count, block)}]}`;
    if (id % 4 === 3) data = `{"type":"removed","block_hashes":[${listOf(count, hash)}]}`;
    else blocks += count;
    if (id % 16 === 7) {
      data = `{"type":"updated","block_hash":${hash()},"cache_level":{"type":"event_diff","new_value":1,"old_value":0}}`;
    }
    entries.push(`{"event_id":${id},"data":${data},"window_size":131072,"attention_dp_rank":0}`);
    length += entries.at(-1)?.length ?? 0;
  }
  const text = `[${entries.join(",")}]`;
  const spaced = spelling === "spaced" ? text.replaceAll(",", ", ").replaceAll(":", ": ") : text;
  return { bytes: new TextEncoder().encode(spaced), blocks };
}

/** Scans the whole body; the sum keeps the work from being optimised away. */
function scan(scanner: EventScanner, event: RawEvent, body: Uint8Array, chunkBytes: number): number {
  let blocks = 0;
  const drain = (): void => {
    while (scanner.next(event) === "event") blocks += event.blockCount;
  };
  scanner.begin();
  for (let at = 0; at < body.length; at += chunkBytes) {
    scanner.push(body.subarray(at, at + chunkBytes));
    drain();
  }
  scanner.end();
  drain();
  if (scanner.error !== null) throw new Error(scanner.error.message);
  return blocks;
}

/** For the JSON that engines send, in whatever pieces; not for a key order that was never seen. */
function goalsBeside(rival: string): readonly Goal[] {
  return [atLeast(300_000, "≥ 300 k"), atLeast(2, "≥ 2 × JSON.parse", multipleOf([rival]))];
}

function scanCase(name: string, spelling: Spelling, chunkBytes: number, rival: string): MicroCase {
  return {
    name,
    unit: "blocks",
    rival,
    ...(spelling === "unusual" ? {} : { goals: goalsBeside(rival) }),
    prepare() {
      const { bytes, blocks } = makeBody(spelling);
      const scanner = new EventScanner();
      const event = new RawEvent();
      return { perCall: blocks, bytesPerCall: bytes.length, work: () => scan(scanner, event, bytes, chunkBytes) };
    },
  };
}

function parseCase(name: string, spelling: Spelling): MicroCase {
  return {
    name,
    unit: "blocks",
    prepare() {
      const { bytes, blocks } = makeBody(spelling);
      const decoder = new TextDecoder();
      return {
        perCall: blocks,
        bytesPerCall: bytes.length,
        work: () => JSON.parse(decoder.decode(bytes)) as unknown,
      };
    },
  };
}

export const SCANNER_CASES: readonly MicroCase[] = [
  scanCase("scanner/compact", "compact", Infinity, "scanner/json-parse-compact"),
  scanCase("scanner/compact-64k-chunks", "compact", SOCKET_CHUNK_BYTES, "scanner/json-parse-compact"),
  scanCase("scanner/spaced", "spaced", Infinity, "scanner/json-parse-spaced"),
  scanCase("scanner/unusual", "unusual", Infinity, "scanner/json-parse-compact"),
  parseCase("scanner/json-parse-compact", "compact"),
  parseCase("scanner/json-parse-spaced", "spaced"),
];
