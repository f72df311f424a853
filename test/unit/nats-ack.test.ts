/** What a stream may answer, in the words of the server and in others. */
import assert from "node:assert/strict";
import test from "node:test";
import { type Msg, headers } from "nats";
import { readAck } from "../../src/workers/nats-ack.ts";

function answer(text: string, code?: number): Msg {
  const fields = code === undefined ? undefined : headers(code, "No Responders");
  return { string: () => text, headers: fields } as unknown as Msg;
}

test("taken, and taken before", () => {
  assert.deepEqual(readAck(answer('{"stream":"S","seq":7}'), "S"), { type: "taken", isDuplicate: false });
  assert.deepEqual(readAck(answer('{"stream":"S","seq":7,"duplicate":true}'), "S"), {
    type: "taken",
    isDuplicate: true,
  });
});

const REFUSALS: readonly (readonly [string, string, "later" | "never", string])[] = [
  ["full", '{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"}}', "later", "other"],
  ["no stream", '{"error":{"code":404,"err_code":10059,"description":"stream not found"}}', "later", "no_stream"],
  ["too large", '{"error":{"code":400,"err_code":10054,"description":"message size"}}', "never", "max_payload"],
  ["an error that says nothing", '{"error":{}}', "later", "other"],
  ["another stream", '{"stream":"T","seq":7}', "later", "no_stream"],
  ["no JSON", "+OK", "later", "no_stream"],
  ["no object", "[1]", "later", "no_stream"],
  ["nothing", "", "later", "no_stream"],
];

for (const [what, text, type, reason] of REFUSALS) {
  test(`refused: ${what}`, () => {
    const ack = readAck(answer(text), "S");
    assert.ok(ack.type !== "taken");
    assert.deepEqual([ack.type, ack.reason], [type, reason]);
  });
}

test("nobody listens", () => {
  assert.equal(readAck(answer("", 503), "S").type, "later");
});

test("what the server says is cut and cleaned", () => {
  const description = `a\\u001b[31m\\nb${"c".repeat(5000)}`;
  const ack = readAck(answer(`{"error":{"err_code":1,"description":"${description}"}}`), "S");
  assert.ok(ack.type === "later");
  assert.match(ack.detail, /^[ -~]{1,220}$/u);
});
