/**
 * How fast the byte scanner turns a drain's body into events, beside `JSON.parse` on the same bytes.
 *
 * `JSON.parse` is the floor of what any other reader could do: it loses the low bits of the hashes and still makes all
 * objects. Run: `npm run build && node dist/bench/micro/scanner.bench.js`. The last table gives MB/s and blocks/s.
 */
import { bench, run, summary } from "mitata";
import { EventScanner } from "../../src/main/engine/event-scanner.ts";
import { RawEvent } from "../../src/main/engine/raw-event.ts";

const TOKENS_A_BLOCK = 32;
const BODY_BYTES = 2_000_000;
/** What a socket delivers at most in one go. */
const SOCKET_CHUNK_BYTES = 64 * 1024;

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

const scanner = new EventScanner();
const event = new RawEvent();

/** Scans the whole body; the sum keeps the work from being optimised away. */
function scan(body: Uint8Array, chunkBytes: number): number {
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

interface Case {
  readonly name: string;
  readonly body: Body;
  readonly work: () => unknown;
}

const compact = makeBody("compact");
const spaced = makeBody("spaced");
const unusual = makeBody("unusual");
const decoder = new TextDecoder();
const cases: readonly Case[] = [
  { name: "scan, compact, whole", body: compact, work: () => scan(compact.bytes, compact.bytes.length) },
  { name: "scan, compact, 64 KiB chunks", body: compact, work: () => scan(compact.bytes, SOCKET_CHUNK_BYTES) },
  { name: "scan, spaced, whole", body: spaced, work: () => scan(spaced.bytes, spaced.bytes.length) },
  { name: "scan, unusual, whole", body: unusual, work: () => scan(unusual.bytes, unusual.bytes.length) },
  { name: "JSON.parse, compact", body: compact, work: () => JSON.parse(decoder.decode(compact.bytes)) as unknown },
  { name: "JSON.parse, spaced", body: spaced, work: () => JSON.parse(decoder.decode(spaced.bytes)) as unknown },
];

summary(() => {
  for (const { name, work } of cases) bench(name, work).gc("once");
});
const { benchmarks } = await run();

const lines = [`${"case".padEnd(32)}${"MB/s".padStart(10)}${"blocks/s".padStart(14)}`];
for (const [i, { name, body }] of cases.entries()) {
  const nanoseconds = benchmarks[i]?.runs[0]?.stats?.p50 ?? Number.NaN;
  const megabytes = (body.bytes.length / nanoseconds) * 1e3;
  const blocks = (body.blocks / nanoseconds) * 1e9;
  lines.push(`${name.padEnd(32)}${megabytes.toFixed(0).padStart(10)}${Math.round(blocks).toString().padStart(14)}`);
}
process.stdout.write(`${lines.join("\n")}\n`);
