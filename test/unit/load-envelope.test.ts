/** The bytes of small messages: envelope, load, forward pass. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { decode } from "@msgpack/msgpack";
import { encodeActiveLoad } from "../../src/main/load/active-loads.ts";
import { encodeForwardPass, IDLE } from "../../src/main/load/forward-pass.ts";
import { encodeEnvelope } from "../../src/shared/plane-envelope.ts";
import { SmallWriter } from "../../src/shared/small-msgpack.ts";

interface Sample {
  readonly name: string;
  readonly frames_hex: readonly string[];
}

function sample(name: string): Buffer {
  const file = path.join(process.cwd(), "test/fixtures/consolidator/derived_wire_samples.json");
  const { samples } = JSON.parse(readFileSync(file, "utf8")) as { samples: Sample[] };
  return Buffer.from(samples.find((one) => one.name === name)?.frames_hex[0] ?? "", "hex");
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

test("a load in its envelope is the recorded message, byte for byte", () => {
  const payload = encodeActiveLoad(42n, 0, 917);
  const envelope = encodeEnvelope(123_456_789, 1, 1_700_000_000_001.7, "kv_metrics", payload);
  assert.equal(hex(envelope), sample("event_plane_active_load").toString("hex"));
});

test("the envelope of events is the recorded one around the same payload", () => {
  const recorded = sample("event_plane_envelope_kv_events");
  const { payload } = decode(recorded) as { payload: Uint8Array };
  assert.equal(hex(encodeEnvelope(123_456_789, 0, 1_700_000_000_000, "kv-events", payload)), recorded.toString("hex"));
});

test("the largest ids survive", () => {
  const most = 2n ** 64n - 1n;
  const load = decode(encodeActiveLoad(most, 1023, 2 ** 40), { useBigInt64: true });
  assert.deepEqual(load, {
    worker_id: most,
    dp_rank: 1023,
    active_decode_blocks: null,
    active_prefill_tokens: null,
    kv_used_blocks: 2n ** 40n,
  });
  const envelope = encodeEnvelope(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 0, "t", new Uint8Array(70_000));
  const { publisher_id, sequence, payload } = decode(envelope, { useBigInt64: true }) as Record<string, unknown>;
  assert.deepEqual([publisher_id, sequence, (payload as Uint8Array).length], [2n ** 53n - 1n, 2n ** 53n - 1n, 70_000]);
});

test("numbers, texts and bytes have the shortest head on both sides of each border", () => {
  const cases: readonly (readonly [number | bigint, string])[] = [
    [0, "00"],
    [0x7f, "7f"],
    [0x80, "cc80"],
    [0xff, "ccff"],
    [0x100, "cd0100"],
    [0xffff, "cdffff"],
    [0x1_0000, "ce00010000"],
    [0xffff_ffff, "ceffffffff"],
    [0x1_0000_0000, "cf0000000100000000"],
    [7n, "07"],
    [2n ** 64n - 1n, "cfffffffffffffffff"],
  ];
  for (const [value, bytes] of cases) assert.equal(hex(new SmallWriter().uint(value).finish()), bytes);
  for (const size of [0, 31, 32, 255, 256, 65_535]) {
    assert.equal(decode(new SmallWriter().str("x".repeat(size)).finish()), "x".repeat(size));
    assert.equal((decode(new SmallWriter().bin(new Uint8Array(size)).finish()) as Uint8Array).length, size);
  }
  assert.equal(decode(new SmallWriter().str("ü".repeat(40)).finish()), "ü".repeat(40));
});

test("what cannot be written is refused", () => {
  for (const value of [-1, -1n, 2n ** 64n, 0.5 + 2 ** 40]) {
    assert.throws(() => new SmallWriter().uint(value), RangeError, String(value));
  }
  assert.throws(() => new SmallWriter().map(16), RangeError);
  assert.throws(() => new SmallWriter().str("x".repeat(65_536)), RangeError);
});

test("what was finished does not change when writing goes on", () => {
  const writer = new SmallWriter().uint(1);
  const first = writer.finish();
  writer.uint(2);
  assert.deepEqual([...first], [1]);
});

test("a forward pass has the planner's fields in their order, and whole seconds are floats", () => {
  const figures = {
    scheduledPrefillRequests: 1,
    scheduledPrefillTokens: 2,
    scheduledPrefillKvTokens: 3,
    scheduledDecodeRequests: 4,
    scheduledDecodeKvTokens: 5,
    queuedPrefillRequests: 6,
    queuedPrefillTokens: 7,
    queuedDecodeRequests: 8,
    queuedDecodeKvTokens: 9,
  };
  const bytes = encodeForwardPass({ workerId: "42", rank: 3, counterId: 1, wallTimeSeconds: 2, figures });
  // Compared as text: the order counts.
  assert.equal(
    JSON.stringify(decode(bytes)),
    JSON.stringify({
      version: 1,
      worker_id: "42",
      dp_rank: 3,
      counter_id: 1,
      wall_time: 2,
      scheduled_requests: {
        num_prefill_requests: 1,
        sum_prefill_tokens: 2,
        var_prefill_length: 0,
        sum_prefill_kv_tokens: 3,
        num_decode_requests: 4,
        sum_decode_kv_tokens: 5,
        var_decode_kv_tokens: 0,
      },
      queued_requests: {
        num_prefill_requests: 6,
        sum_prefill_tokens: 7,
        var_prefill_length: 0,
        num_decode_requests: 8,
        sum_decode_kv_tokens: 9,
        var_decode_kv_tokens: 0,
      },
    }),
  );
  const floats = hex(bytes).match(/cb(?:4000000000000000|0000000000000000)/gu);
  assert.equal(floats?.length, 5);
});

test("the largest worker id stays exact, because it is a text here", () => {
  const workerId = (2n ** 64n - 1n).toString();
  const bytes = encodeForwardPass({ workerId, rank: 0, counterId: 1, wallTimeSeconds: 0, figures: IDLE });
  assert.equal((decode(bytes) as { worker_id: unknown }).worker_id, "18446744073709551615");
});
