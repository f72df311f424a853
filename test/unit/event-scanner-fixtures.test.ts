/** The scanner on recorded engine answers: against a lossless parse, and cut at every byte. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { EventScanner } from "../../src/main/engine/event-scanner.ts";
import { expectedView } from "../support/event-oracle.ts";
import { decodeBody, parseEntries } from "../support/lossless-json.ts";
import { chunked, encode, scanChunks } from "../support/scan-body.ts";

const FIXTURES = path.join(process.cwd(), "test/fixtures");

interface GoldenCase {
  readonly name: string;
  readonly input_events: unknown;
}

/** These files write hashes beyond 2^53 as decimal strings; an engine writes them bare. */
function asEngineWrites(events: unknown): string {
  return JSON.stringify(events).replaceAll(/"(\d{16,20})"/gu, "$1");
}

function readJson(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path.join(FIXTURES, name), "utf8")) as Record<string, unknown>;
}

function bodies(): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const name of readdirSync(path.join(FIXTURES, "trtllm"))) {
    if (name.startsWith("trtllm_kv_cache_events")) found.set(name, readFileSync(path.join(FIXTURES, "trtllm", name)));
  }
  for (const { name, input_events } of readJson("dynamo/golden_kv_events.json")["cases"] as GoldenCase[]) {
    found.set(`golden ${name}`, encode(asEngineWrites(input_events)));
  }
  const multimodal = readJson("dynamo/trtllm_v2_mm_kv_events.json");
  found.set("multimodal", encode(asEngineWrites([multimodal["forward_event"], multimodal["legacy_event"]])));
  return found;
}

const all = bodies();
assert.ok(all.size > 40);

test("every recorded answer gives the events of a lossless parse", () => {
  for (const [name, body] of all) {
    const { entries, wellFormed } = parseEntries(decodeBody(body));
    assert.ok(wellFormed && entries.length > 0, name);
    const { events, step } = scanChunks([body]);
    assert.equal(step, "done", name);
    assert.deepEqual(events, entries.map(expectedView), name);
  }
});

test("an answer that is cut anywhere gives the same events", () => {
  const scanner = new EventScanner();
  for (const [name, body] of all) {
    const expected = JSON.stringify(scanChunks([body]).events);
    for (let at = 0; at <= body.length; at++) {
      const { events, step } = scanChunks([body.subarray(0, at), body.subarray(at)], scanner);
      assert.equal(step, "done");
      assert.ok(JSON.stringify(events) === expected, `${name}, cut at byte ${at}`);
    }
    for (const size of [1, 2, 3, 61]) {
      assert.equal(
        JSON.stringify(scanChunks(chunked(body, size), scanner).events),
        expected,
        `${name} in chunks of ${size}`,
      );
    }
  }
});

test("an answer that stops anywhere gives the events in front of that place", () => {
  const scanner = new EventScanner();
  for (const [name, body] of all) {
    const whole = scanChunks([body]).events;
    for (let at = 0; at < body.length - 1; at++) {
      const { events, error } = scanChunks([body.subarray(0, at)], scanner);
      const code = error?.code ?? "";
      assert.ok(code === "truncated" || (at === 0 && code === "empty_body"), `${name}, stopped at byte ${at}: ${code}`);
      assert.equal(JSON.stringify(events), JSON.stringify(whole.slice(0, events.length)));
    }
  }
});
