/** An engine's answer without tokens and salts says the same in everything else, and nothing of what was taken out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { AnswerRedactor } from "../../src/main/record/redact-answer.ts";
import { bodyText } from "../support/body-arbitrary.ts";
import type { EventView } from "../support/event-oracle.ts";
import { chunked, encode, scanChunks } from "../support/scan-body.ts";

function redacted(body: Uint8Array, pieceBytes: number, redactor: AnswerRedactor = new AnswerRedactor()): Buffer {
  redactor.begin();
  const pieces = chunked(body, pieceBytes).map((piece) => redactor.push(Buffer.from(piece)));
  return Buffer.concat([...pieces, redactor.end()]);
}

/** What redaction may not change: all of a good event but tokens and salts; of a defective one, that it is, and which. */
function kept(event: EventView): unknown {
  return JSON.parse(
    JSON.stringify(event, (key, value: unknown) => {
      if (typeof value === "bigint") return String(value);
      if (key === "tokens" || key === "oddTokens") return sizes(value);
      if (/salt/i.test(key)) return typeof value === "string" ? value !== "" : value;
      return value;
    }),
  );
}

function sizes(value: unknown): unknown {
  return Array.isArray(value) ? value.map((each: unknown) => (Array.isArray(each) ? each.length : 1)) : value;
}

test("the redacted answer has the same events, but for tokens and salts", { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(bodyText, fc.integer({ min: 1, max: 64 }), (text, pieceBytes) => {
      const body = encode(text);
      const before = scanChunks([body]);
      const after = scanChunks([redacted(body, pieceBytes)]);
      assert.equal(after.step, before.step);
      assert.equal(after.error?.reason, before.error?.reason);
      assert.equal(after.events.length, before.events.length);
      for (const [i, event] of before.events.entries()) {
        const other = after.events[i];
        assert.ok(other !== undefined);
        assert.deepEqual(kept(other), kept(event));
      }
    }),
    { numRuns: 1500 },
  );
});

test("how an answer is cut into pieces does not matter", { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(bodyText, fc.integer({ min: 1, max: 40 }), (text, pieceBytes) => {
      const body = encode(text);
      assert.equal(redacted(body, pieceBytes).toString(), redacted(body, body.length + 1).toString());
    }),
    { numRuns: 300 },
  );
});

test("tokens, salts, and whatever is not known are gone", () => {
  const secrets = ["31337", "s3cret-salt", "a prompt", "424242", "777", "what a key may say"];
  const text = `[{"event_id": 5, "note": "a prompt", "data": {"type": "stored", "parent_hash": null, "blocks": [
    {"type": "stored_block", "block_hash": 123456789012345678, "cache_salt": "s3cret-salt", "prio": 777,
     "tokens": [{"type": "unique_token", "token_id": 31337, "token_extra_id": 424242}, {"token_id": 31337}], "mm_keys": []},
    777, "a prompt", [424242]], "what a key may say": [424242, "a prompt"]}, "window_size": 4096}] a prompt`;
  const out = redacted(encode(text), 7).toString();
  for (const secret of secrets) assert.ok(!out.includes(secret), secret);
  const { events } = scanChunks([redacted(encode(text.slice(0, -9)), 7)]);
  assert.match(out, /"block_hash": 123456789012345678/);
  assert.match(out, /"token_id": 0, .*"token_id": 1\}/);
  assert.match(out, /"cache_salt": "salt-0"/);
  assert.equal(events.length, 1);
});

test("any bytes at all are taken, and nothing of a text in them is kept", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 9 }), (noise, pieceBytes) => {
      const out = redacted(noise, pieceBytes).toString("latin1");
      // Only what JSON is made of; letters of its words; and what stands for what was there.
      assert.match(out, /^[[\]{},:"?\\ \t\r\n0-9a-zA-Z.+_-]*$/);
    }),
    { numRuns: 500 },
  );
});
