/**
 * Answers that no engine should give: a corpus. Each drain that gets one takes five events; an answer says which of them
 * it holds in a form that must be delivered, which it spoils, and which are lost with it.
 */
import { gzipSync } from "node:zlib";
import type { ServerResponse } from "node:http";
import type { LedgerEntry } from "./ledger.ts";
import { dataJson, engineJson } from "./oracle-event.ts";
import type { Reply } from "./oracle-engine.ts";

/** Part of every answer, as if it were somebody's prompt: must show up nowhere. */
export const CANARY = "canary-5f0c91";
/** Events that a drain takes when it is to be answered so. */
export const EVENTS_PER_ANSWER = 5;
/** `--engine-max-response-bytes` of the run. */
export const MAX_ANSWER_BYTES = 65_536;

export interface Garbage {
  readonly name: string;
  readonly reply: Reply;
  /** Reason of `source_errors_total`; null when the poll counts as a good one. */
  readonly error: string | null;
  /** Reason of `invalid_events_total`, and how many entries. */
  readonly invalid?: readonly [reason: string, count: number];
  /** Of those, entries that stand for no event of the engine. */
  readonly stray?: number;
}

function lose(entries: readonly LedgerEntry[]): void {
  for (const entry of entries) entry.fate = "gone";
}

function send(
  response: ServerResponse,
  body: string | Buffer,
  headers: Record<string, string> = {},
  status = 200,
): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": bytes.length, ...headers });
  response.end(bytes);
}

/** Everything is lost with this answer. */
function refused(
  name: string,
  error: string,
  status: number,
  body: string | Buffer,
  headers?: Record<string, string>,
): Garbage {
  return {
    name,
    error,
    reply: (response, entries) => {
      lose(entries);
      send(response, body, headers, status);
    },
  };
}

/** The first three events are sound, then comes what cannot be read, and the others with it. */
function breaking(name: string, error: string, tail: (rest: readonly LedgerEntry[]) => string | Buffer): Garbage {
  return {
    name,
    error,
    reply: (response, entries) => {
      const rest = entries.slice(3);
      lose(rest);
      const head = `[${entries
        .slice(0, 3)
        .map(({ event }) => engineJson(event))
        .join(",")},`;
      send(response, Buffer.concat([Buffer.from(head), Buffer.from(tail(rest))]));
    },
  };
}

/** The third event is made unreadable, with its id kept; the others are sound. */
function spoiling(name: string, reason: string, data: (dataText: string) => string): Garbage {
  return {
    name,
    error: null,
    invalid: [reason, 1],
    reply: (response, entries) => {
      const list = entries.map((entry, i) => {
        if (i !== 2) return engineJson(entry.event);
        entry.spoilt = true;
        return `{"event_id":${entry.event.id},"data":${data(dataJson(entry.event))},"attention_dp_rank":${entry.event.rank}}`;
      });
      send(response, `[${list.join(",")}]`);
    },
  };
}

/** Entries that are no events stand between sound ones. */
function straying(name: string, reason: string, ...strays: readonly string[]): Garbage {
  return {
    name,
    error: null,
    invalid: [reason, strays.length],
    stray: strays.length,
    reply: (response, entries) => {
      const list = entries.map(({ event }) => engineJson(event));
      for (const [i, stray] of strays.entries()) list.splice(2 * i + 1, 0, stray);
      send(response, `[${list.join(",")}]`);
    },
  };
}

/** Bytes written past the HTTP server, which then closes. */
function raw(name: string, error: string, text: string): Garbage {
  return {
    name,
    error,
    reply: (response, entries) => {
      lose(entries);
      response.socket?.end(text);
    },
  };
}

const STORED = `{"type":"stored","parent_hash":null,"blocks":`;
const page = `<!DOCTYPE html><html><body>${CANARY}</body></html>`;

function block(hash: string, tokens: string): string {
  return `${STORED}[{"type":"stored_block","block_hash":${hash},"tokens":[${tokens}],"cache_salt":"${CANARY}"}]}`;
}

function token(id: string): string {
  return `{"type":"unique_token","token_id":${id}}`;
}

export const CORPUS: readonly Garbage[] = [
  refused("a page of HTML", "decode", 200, page, { "content-type": "text/html" }),
  refused("an empty body", "decode", 200, ""),
  refused("status 204", "http_status", 204, ""),
  refused("an object", "schema", 200, `{"detail":"${CANARY}"}`),
  refused("null", "schema", 200, "null"),
  refused("a string", "schema", 200, `"${CANARY}"`),
  refused("status 500", "http_status", 500, page),
  refused("status 503", "http_status", 503, page),
  refused("status 404", "http_status", 404, `{"detail":"${CANARY}"}`),
  refused("status 401", "http_status", 401, page),
  refused("a redirect", "http_status", 302, page, { location: "http://127.0.0.1:9/" }),
  refused("a gzip bomb", "decode", 200, gzipSync(Buffer.alloc(20_000_000)), { "content-encoding": "gzip" }),
  refused("noise", "decode", 200, Buffer.from("ff00fe8012a0".repeat(100), "hex")),
  refused("sixty thousand open brackets", "schema", 200, "[".repeat(60_000)),
  breaking("truncated JSON", "decode", ([entry]) => (entry === undefined ? "" : engineJson(entry.event).slice(0, -20))),
  breaking("NaN among the events", "decode", () => "NaN]"),
  breaking("NUL among the events", "decode", () => `\0"${CANARY}"]`),
  breaking("bytes that are no UTF-8 among the events", "decode", () => Buffer.from([0xff, 0xfe, 0x5d])),
  breaking("an answer that is too long", "oversize", () => `${" ".repeat(2 * MAX_ANSWER_BYTES)}null]`),
  raw("no HTTP at all", "decode", `${CANARY}\r\n\r\n`),
  raw("a head without an end", "connect", "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"),
  raw("headers that are too long", "oversize", `HTTP/1.1 200 OK\r\nx-a: ${CANARY.repeat(20_000)}\r\n\r\n`),
  raw("a body that ends early", "connect", `HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n[`),
  raw("chunks that are none", "decode", `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${CANARY}\r\n`),
  spoiling("a type that nobody knows", "unknown_type", () => `{"type":"moved","secret":"${CANARY}"}`),
  spoiling("data that is text", "bad_type", () => `"${CANARY}"`),
  spoiling("blocks that are text", "bad_type", () => `${STORED}"${CANARY}"}`),
  spoiling("no blocks", "missing_field", () => `{"type":"stored","parent_hash":null}`),
  spoiling("a hash of 65 bits", "hash_range", () =>
    block("18446744073709551616", [1, 2, 3, 4].map((n) => token(`${n}`)).join()),
  ),
  spoiling("a token that is infinite", "token_range", () => block("1", token("1e400"))),
  spoiling("a negative token", "token_range", () => block("1", token("-1"))),
  spoiling("a block with too many tokens", "block_too_large", () =>
    block("1", [1, 2, 3, 4, 5].map((n) => token(`${n}`)).join()),
  ),
  spoiling(
    "two salts",
    "salt_conflict",
    () =>
      `{"type":"stored","parent_hash":null,"cache_salt":"other","blocks":[{"type":"stored_block","block_hash":1,"tokens":[${[1, 2, 3, 4].map((n) => token(`${n}`)).join()}],"cache_salt":"${CANARY}"}]}`,
  ),
  spoiling("nesting that has no end", "depth", (text) => `{"x":${"[".repeat(200)}${"]".repeat(200)},${text.slice(1)}`),
  straying("entries that are empty", "empty_entry", "null", "{}"),
  straying("entries that are no objects", "bad_type", "7", `"${CANARY}"`, "[]"),
  straying(
    "ids that are none",
    "bad_type",
    `{"event_id":-1,"data":{"type":"created"}}`,
    `{"event_id":1.5,"data":{"type":"created"}}`,
    `{"event_id":"${CANARY}","data":{"type":"created"}}`,
  ),
  straying("no id", "missing_field", `{"data":{"type":"removed","block_hashes":[]}}`),
];
