/** The hex on the page about the wire is what the encoder makes of the events on the same page. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { ENGINE_WIRE_FORMATS, isSingleEvent, WIRE_FORMATS } from "../../src/shared/wire-format.ts";
import { sequenceFrame } from "../../src/shared/zmq-wire.ts";
import { type EventSpec, publishedEvent } from "../support/published.ts";
import { asList, asObject, asText, type Json, type JsonObject } from "../support/raw-events.ts";
import { decodePayload, FIXED_SECONDS, WireBatch } from "../support/wire.ts";

const BLOCK_SIZE = 2;
const RANK = 1;
/** Which of the messages of a single-event dialect the page shows. */
const SHOWN = 1;

const page = readFileSync(path.join(process.cwd(), "docs/wire-format.md"), "utf8");

/** The one code block whose info string is this. */
function codeBlock(info: string): string {
  const blocks = [...page.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].filter((match) => match[1] === info);
  assert.equal(blocks.length, 1, `code blocks "${info}"`);
  return blocks[0]?.[2] ?? "";
}

function hexBlock(info: string): string {
  return codeBlock(`hex ${info}`).replaceAll(/#.*$|\s/gm, "");
}

function bigintOf(value: Json): bigint {
  return BigInt(asText(value));
}

function specOf(event: JsonObject): EventSpec {
  const type = asText(event["type"]);
  if (type === "cleared") return { type };
  const hashes = asList(event["hashes"]).map(bigintOf);
  if (type === "removed") return { type, hashes };
  assert.equal(type, "stored");
  const text = (key: string): string | null => (event[key] === undefined ? null : asText(event[key]));
  return {
    type: "stored",
    hashes,
    tokens: asList(event["tokens"]).map(Number),
    parent: event["parent"] === undefined ? null : bigintOf(event["parent"]),
    loraName: text("loraName"),
    loraId: 0,
    salt: text("salt"),
    mm: asList(event["mm"]).map((entry) => (entry === null ? null : asList(entry).map(bigintOf))),
  };
}

const events = asList(JSON.parse(codeBlock("json events")) as Json).map((event) => specOf(asObject(event)));

for (const format of ENGINE_WIRE_FORMATS) {
  test(`the page shows ${format} as it is`, () => {
    const batch = new WireBatch();
    for (const event of events) batch.add(publishedEvent(event, RANK));
    const { entries } = batch.encode(format, BLOCK_SIZE, RANK);
    assert.equal(entries.length, isSingleEvent(format) ? events.length : 1);
    const payload = entries[isSingleEvent(format) ? SHOWN : 0]?.payload;
    assert.ok(payload !== undefined);
    assert.equal(hexBlock(format), payload.toString("hex"));
    const [seconds, list, rank] = decodePayload(payload);
    assert.deepEqual([seconds, list.length, rank], [FIXED_SECONDS, isSingleEvent(format) ? 1 : events.length, RANK]);
  });
}

test("the page shows a clear by itself in every dialect", () => {
  for (const format of ENGINE_WIRE_FORMATS) {
    const batch = new WireBatch();
    batch.add(publishedEvent({ type: "cleared" }, RANK));
    const { entries } = batch.encode(format, BLOCK_SIZE, RANK);
    assert.equal(entries.length, 1);
    const shown = hexBlock(format === "vllm-array" ? "clear-array" : "clear-map");
    assert.equal(entries[0]?.payload.toString("hex"), shown, format);
  }
});

test("the page shows the sequence frame as it is", () => {
  assert.equal(hexBlock("sequence-258"), sequenceFrame(258).toString("hex"));
});

test("the page names every dialect, and the example every kind of event", () => {
  for (const format of WIRE_FORMATS) assert.ok(page.includes(`| \`${format}\``), format);
  assert.deepEqual([...new Set(events.map((event) => event.type))], ["stored", "removed", "cleared"]);
});
