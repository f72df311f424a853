/** An engine whose every answer holds the canary token and salt: good events, events of every wrong kind, and errors. */
import type { ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import { CANARY_SALT, CANARY_TOKEN } from "./canary-words.ts";
import { type ScriptedEngine, scriptedEngine } from "./scripted-engine.ts";

export const CANARY_BLOCK_TOKENS = 4;

interface Block {
  readonly [key: string]: unknown;
}

function block(hash: number, more: Block = {}): Block {
  const tokens = Array.from({ length: CANARY_BLOCK_TOKENS }, () => ({ token_id: CANARY_TOKEN, token_extra_id: 0 }));
  return { block_hash: hash, tokens, cache_level: 0, priority: 35, cache_salt: CANARY_SALT, ...more };
}

let nextId = 0;
function event(data: Readonly<Record<string, unknown>>, more: Readonly<Record<string, unknown>> = {}): unknown {
  return { event_id: nextId++, data, window_size: 4096, ...more };
}

function stored(blocks: readonly unknown[], more: Readonly<Record<string, unknown>> = {}): unknown {
  return event({ type: "stored", parent_hash: null, blocks, ...more });
}

/** Each is wrong in another way, and has the canary where it is wrong. */
function wrongEvents(): unknown[] {
  const far = Array.from({ length: 5000 }, () => ({ token_id: CANARY_TOKEN, token_extra_id: 0 }));
  return [
    stored([block(1, { tokens: [{ token_id: `${CANARY_TOKEN}`, token_extra_id: 0 }] })]),
    stored([block(2, { tokens: [{ token_id: -CANARY_TOKEN }] })]),
    stored([block(3, { tokens: far })]),
    stored([block(4, { tokens: CANARY_SALT })]),
    stored([block(5, { block_hash: CANARY_SALT })]),
    stored([block(6), block(7, { cache_salt: `${CANARY_SALT}-other` })]),
    stored([block(8, { mm_keys: [{ hash: CANARY_TOKEN }] })]),
    stored([{ [CANARY_SALT]: CANARY_TOKEN }]),
    event({ type: CANARY_SALT, tokens: [CANARY_TOKEN] }),
    event({ type: "removed", block_hashes: [CANARY_SALT] }),
    event({ type: "stored", parent_hash: CANARY_SALT, blocks: [block(9)] }),
    { event_id: CANARY_SALT, data: { type: "stored", blocks: [] } },
    [CANARY_SALT, CANARY_TOKEN],
    CANARY_SALT,
  ];
}

/** What it answers to drains one after the other; afterwards good events now and then. */
const DRAINS: readonly ((response: ServerResponse) => void)[] = [
  (response) => response.end(JSON.stringify([stored([block(100)]), stored([block(101)])])),
  (response) => response.end(JSON.stringify(wrongEvents())),
  (response) =>
    response.end(`[{"event_id":${nextId++},"data":{"type":"stored","blocks":[{"cache_salt":"${CANARY_SALT}`),
  (response) => response.end(`<html>${CANARY_SALT} ${CANARY_TOKEN}</html>`),
  (response) => {
    response.statusCode = 500;
    response.end(JSON.stringify({ error: `${CANARY_SALT} ${CANARY_TOKEN}` }));
  },
  (response) => {
    response.writeHead(302, { location: `http://127.0.0.1:1/${CANARY_SALT}?token=${CANARY_TOKEN}` });
    response.end();
  },
  (response) => response.end("[".repeat(5000) + CANARY_TOKEN),
  (response) => {
    response.write(`[{"cache_salt":"${CANARY_SALT}","token":${CANARY_TOKEN}`);
    response.destroy(); // it dies in the middle of a word
  },
  // One event that is larger than a slot.
  (response) => response.end(JSON.stringify([stored(Array.from({ length: 1000 }, (_, i) => block(1000 + i)))])),
];

interface CanaryEngine {
  readonly engine: ScriptedEngine;
  /** All of its bad answers have been read. */
  readonly isThrough: () => boolean;
}

export async function canaryEngine(t: TestContext): Promise<CanaryEngine> {
  let drains = 0;
  const engine = await scriptedEngine(t, (response, _, { url = "" }) => {
    response.setHeader("content-type", "application/json");
    if (url.startsWith("/kv_cache_events")) {
      // A good answer between any two, so that no back-off grows.
      const answer = drains % 2 === 0 ? undefined : DRAINS[(drains - 1) / 2];
      drains++;
      if (answer !== undefined) answer(response);
      else response.end(JSON.stringify([stored([block(10_000 + drains)])]));
    } else if (url.startsWith("/health")) response.end("{}");
    else if (url.startsWith("/metrics"))
      response.end(JSON.stringify([{ iter: CANARY_SALT, [CANARY_SALT]: CANARY_TOKEN }]));
    else if (url.startsWith("/perf_metrics"))
      response.end(JSON.stringify([{ request_id: CANARY_SALT, x: CANARY_TOKEN }]));
    else if (url.startsWith("/prometheus"))
      response.end(`trtllm_x{salt="${CANARY_SALT}\ntrtllm_y ${CANARY_SALT} ${CANARY_TOKEN}`);
    else {
      response.statusCode = 404;
      response.end(`${CANARY_SALT} ${CANARY_TOKEN}`);
    }
  });
  return { engine, isThrough: () => drains > 2 * DRAINS.length + 3 };
}
