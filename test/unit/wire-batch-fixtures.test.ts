/** Recorded and worked-out payloads of other publishers, read as events. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { decode } from "@msgpack/msgpack";
import { readFrames } from "../../src/main/wire/frames.ts";
import { asList, asObject, asText, type Json, readFixture } from "../support/raw-events.ts";
import { modelOf } from "../support/wire-model.ts";
import { readAll, type WireView } from "../support/wire-view.ts";

const FIXTURES = path.join(process.cwd(), "test/fixtures");

/** Fields whose numbers are written as decimal texts where they are large. */
const HASH_FIELDS: ReadonlySet<string> = new Set(["block_hashes", "parent_block_hash", "mm_hash"]);

/** The mirror of a payload, with its large numbers as BigInts. */
function mirrored(value: Json | undefined, isHash: boolean = false): unknown {
  if (Array.isArray(value)) return (value as readonly Json[]).map((each) => mirrored(each, isHash));
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    return Object.fromEntries(entries.map(([key, each]) => [key, mirrored(each, HASH_FIELDS.has(key))]));
  }
  return isHash && typeof value === "string" ? BigInt(value) : value;
}

/** Array events have no names by which hashes could be told; a decimal text of so many digits is one. */
function withHashes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withHashes);
  return typeof value === "string" && /^-?\d{16,20}$/u.test(value) ? BigInt(value) : value;
}

function bytes(hex: Json | undefined): Buffer {
  return Buffer.from(asText(hex), "hex");
}

interface Recorded {
  readonly name: string;
  readonly payload: Buffer;
  readonly mirror: Json | undefined;
}

function assertMirrored({ name, payload, mirror }: Recorded): void {
  assert.deepEqual(readAll(payload), modelOf(withHashes(mirrored(mirror))), name);
}

test("worked-out samples: the good ones are taken, the bad ones refused for what is wrong", () => {
  const reasons = new Map([
    ["unknown_tag_rejects_whole_batch", "event"],
    ["two_element_batch_rejected", "shape"],
    ["bytes_hash_rejected", "hash_bytes"],
  ]);
  let taken = 0;
  // Not the lossless reader: the texts in this file look like its numbers.
  const samples = JSON.parse(
    readFileSync(path.join(FIXTURES, "consolidator/derived_wire_samples.json"), "utf8"),
  ) as Json;
  for (const each of asList(asObject(samples)["samples"])) {
    const { name, direction, frames_hex: hexes, decoded } = asObject(each);
    const kind = asText(direction);
    if (!kind.startsWith("ingress") && !kind.startsWith("egress")) continue;
    const { frames } = readFrames(asList(hexes).map(bytes), false);
    assert.ok(frames !== null);
    assert.equal(frames.sequence === null, asList(hexes).length === 2);
    const payload = Buffer.from(frames.payload);
    if (kind === "ingress-invalid") {
      const refusal = readAll(payload);
      assert.equal("reason" in refusal && refusal.reason, reasons.get(asText(name)));
    } else {
      assertMirrored({ name: asText(name), payload, mirror: decoded });
      taken++;
    }
  }
  assert.equal(taken, 6);
});

const CAPTURED: readonly Partial<WireView>[] = [
  { kind: "stored", hashes: [1n], parent: null, tokens: [10, 20, 30, 40], blockSize: 4 },
  { kind: "stored", hashes: [2n], parent: 1n, tokens: [50, 60, 70, 80], blockSize: 4 },
  { kind: "removed", hashes: [1n] },
];

for (const engine of ["vllm", "trtllm"]) {
  test(`the three batches of the ${engine} capture`, () => {
    const file = readFileSync(path.join(FIXTURES, `consolidator/${engine}_capture.msgpack`));
    const batches = (decode(file) as number[][]).map((payload) => readAll(Uint8Array.from(payload)));
    assert.equal(batches.length, CAPTURED.length);
    for (const [i, batch] of batches.entries()) {
      assert.ok("events" in batch);
      assert.deepEqual([batch.timestamp, batch.rank, batch.events.length], [1000 * (i + 1), 0, 1]);
      assert.deepEqual({ ...batch.events[0], ...CAPTURED[i] }, batch.events[0]);
    }
  });
}

test("the messages of an engine's own publisher, signed hashes and an empty batch among them", () => {
  for (const each of asList(asObject(readFixture("trtllm/trtllm_kv_zmq_frames.json"))["pub"])) {
    const { seq, frames_hex: hexes, decoded } = asObject(each);
    const { frames } = readFrames(asList(hexes).map(bytes), true);
    assert.ok(frames !== null);
    assert.equal(frames.sequence, Number(seq));
    assertMirrored({ name: `message ${Number(seq)}`, payload: Buffer.from(frames.payload), mirror: decoded });
  }
});

/** All messages that the Python class was recorded with, of both versions. */
function goldenMessages(): Recorded[] {
  const recorded: Recorded[] = [];
  const add = (name: string, messages: Json | undefined): void => {
    for (const message of asList(messages)) {
      const {
        topic_hex: topic,
        sequence_hex: number,
        payload_hex: payload,
        payload_decoded: mirror,
      } = asObject(message);
      const { frames } = readFrames([topic, number, payload].map(bytes), true);
      assert.ok(frames !== null);
      recorded.push({ name, payload: Buffer.from(frames.payload), mirror });
    }
  };
  const direct = asObject(readFixture("dynamo/golden_zmq_messages.json"));
  for (const version of ["v1_messages_topic_kv-events", "v0_messages"]) add(version, direct[version]);
  for (const each of asList(asObject(readFixture("dynamo/golden_kv_events.json"))["cases"])) {
    const { name, v1_zmq: v1, v0_zmq: v0 } = asObject(each);
    for (const run of [v1, v0]) add(asText(name), asObject(run)["messages"]);
  }
  return recorded;
}

test("the messages of Dynamo's Python class, of both versions", () => {
  const recorded = goldenMessages();
  assert.ok(recorded.length > 60, `only ${recorded.length} messages`);
  for (const each of recorded) assertMirrored(each);
});
