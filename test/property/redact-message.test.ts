/** A published message without tokens and salts: the same events otherwise, in every dialect; nothing else gets through. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "@msgpack/msgpack";
import * as fc from "fast-check";
import { redactMessage } from "../../src/main/record/redact-message.ts";
import { decodeBatch } from "../../src/main/tail/decode-batch.ts";

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const TOKENS = fc.array(fc.integer({ min: 1_000_000, max: 2 ** 32 - 1 }), { maxLength: 6 });
const STORED = fc.record({
  hashes: fc.array(u64, { maxLength: 3 }),
  parent: fc.option(u64),
  tokens: TOKENS,
  blockSize: fc.nat(64),
  medium: fc.constantFrom("GPU", "CPU", null),
  lora: fc.constantFrom("adapter", null),
  isMap: fc.boolean(),
});

test("a redacted message has the same events, with as many tokens, and none of them", { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(fc.array(STORED, { maxLength: 4 }), fc.option(fc.nat(7)), (specs, rank) => {
      const events = specs.map(({ hashes, parent, tokens, blockSize, medium, lora, isMap }) =>
        isMap
          ? {
              type: "BlockStored",
              block_hashes: hashes,
              parent_block_hash: parent,
              token_ids: tokens,
              block_size: blockSize,
              medium,
              lora_name: lora,
              cache_salt: "s3cret",
              prompt: "what was asked",
            }
          : ["BlockStored", hashes, parent, tokens, blockSize, null, medium, lora, [["s3cret"]]],
      );
      const payload = Buffer.from(encode([1.5, events, rank], { useBigInt64: true }));
      const out = redactMessage(payload);
      for (const secret of ["s3cret", "what was asked"]) assert.ok(!out.includes(secret));
      const before = decodeBatch(payload);
      const after = decodeBatch(out);
      assert.deepEqual([after.timestamp, after.rank], [before.timestamp, before.rank]);
      assert.deepEqual(
        after.events,
        before.events.map((event) =>
          event.type === "stored"
            ? { ...event, tokens: event.tokens.map((_, place) => place), cacheSalt: null, others: {} }
            : event,
        ),
      );
    }),
    { numRuns: 300 },
  );
});

test(
  "removed and cleared stay; what is not understood becomes empty, and no bytes break it",
  { timeout: 60_000 },
  () => {
    const payload = Buffer.from(
      encode([2, [["BlockRemoved", [7n], "GPU"], ["AllBlocksCleared"], { type: "Odd", secret: "s3cret" }], 1], {
        useBigInt64: true,
      }),
    );
    const { events } = decodeBatch(redactMessage(payload));
    assert.deepEqual(events, [
      { type: "removed", hashes: [7n], medium: "GPU" },
      { type: "cleared" },
      { type: "unknown", name: "Odd" },
    ]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => {
        assert.ok(redactMessage(Buffer.from(noise)) instanceof Buffer);
      }),
      { numRuns: 500 },
    );
    assert.equal(redactMessage(Buffer.from("a prompt")).length, 0);
  },
);
