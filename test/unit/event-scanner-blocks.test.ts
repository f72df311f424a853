/** The scanner on blocks, and on the rare things in them: salts, LoRA names, multimodal keys. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EventScanner } from "../../src/main/engine/event-scanner.ts";
import {
  ABSENT,
  MAX_BLOCKS_PER_EVENT,
  MAX_EXTRAS_PER_EVENT,
  RawEvent,
  type RawMmKey,
} from "../../src/main/engine/raw-event.ts";
import { encode, scanChunks } from "../support/scan-body.ts";
import { assertDefects, block, bodyOf, removed, stored } from "../support/scan-entry.ts";

describe("blocks", () => {
  test("that are incomplete or no objects are a defect", () => {
    assertDefects([
      ['{"event_id":1,"data":{"type":"stored","parent_hash":null}}', "missing_field"],
      [stored("null"), "bad_type"],
      [stored("{}"), "bad_type"],
      [stored("[null]"), "bad_type"],
      [stored("[1]"), "bad_type"],
      [stored("[{}]"), "missing_field"],
      [stored('[{"tokens":[]}]'), "missing_field"],
      [stored('[{"block_hash":1}]'), "missing_field"],
      [stored('[{"block_hash":null,"tokens":[]}]'), null],
      ['{"event_id":1,"data":{}}', "missing_field"],
      ['{"event_id":1,"data":{"blocks":[]}}', "missing_field"],
      ['{"event_id":1,"data":{"type":null}}', "bad_type"],
      ['{"event_id":1,"data":null}', "bad_type"],
      ['{"event_id":1,"data":[]}', "bad_type"],
      ['{"event_id":1}', "missing_field"],
      ['{"x":1}', "missing_field"],
    ]);
  });

  test("name the first defect in the order of the text", () => {
    assertDefects([
      [stored("[1,{}]"), "bad_type"],
      [stored('[{},{"block_hash":1.5,"tokens":[]}]'), "missing_field"],
      [stored('[{"block_hash":18446744073709551616,"tokens":[5]}]'), "hash_range"],
    ]);
  });

  test("more than an event may hold are counted out, not stored", () => {
    const scanner = new EventScanner();
    const event = new RawEvent();
    for (const [count, defect] of [
      [MAX_BLOCKS_PER_EVENT, null],
      [MAX_BLOCKS_PER_EVENT + 1, "too_many_blocks"],
    ] as const) {
      scanner.begin();
      scanner.push(encode(`[${removed(`${"1,".repeat(count - 1)}2`)}]`));
      scanner.end();
      assert.equal(scanner.next(event), "event");
      assert.equal(event.defect, defect);
      assert.equal(event.blockCount, MAX_BLOCKS_PER_EVENT);
      assert.equal(scanner.next(event), "done");
    }
  });
});

/** Salt and conflict of an event with these members in `data` and in its two blocks. */
function saltsOf(own: string, first: string, second: string): unknown[] {
  const blocks = `[${block("[]", first)},${block("[]", second)}]`;
  const { cacheSalt, saltConflict } = bodyOf(stored(blocks, own));
  return [cacheSalt, saltConflict];
}

function mmKey(usable: boolean, hash: string, uuid: string | null, startOffset: number): RawMmKey {
  return { block: 1, usable, hash, uuid, startOffset };
}

/** The salt of an event in whose body these bytes stand between the quotes. */
function saltOf(salt: readonly number[]): string | null | undefined {
  const front = encode(`[${stored("[]", ',"cache_salt":"')}`).subarray(0, -2);
  const { events, step } = scanChunks([Uint8Array.of(...front, ...salt, ...encode('"}}]'))]);
  assert.equal(step, "done");
  return events[0]?.body?.cacheSalt;
}

describe("salts, LoRA names and multimodal keys", () => {
  test("salts of the event and of every block are folded", () => {
    assert.deepEqual(saltsOf("", "", ""), [null, false]);
    assert.deepEqual(saltsOf(',"cache_salt":null', ',"cache_salt":null', ""), [null, false]);
    assert.deepEqual(saltsOf("", ',"cache_salt":""', ""), ["", false]);
    assert.deepEqual(saltsOf(',"cache_salt":"t"', "", ',"cache_salt":"\\u0074"'), ["t", false]);
    assert.deepEqual(saltsOf("", ',"cache_salt":"t"', ',"cache_salt":"u"'), ["t", true]);
    assertDefects([
      [stored("[]", ',"cache_salt":1'), "bad_type"],
      [stored(`[${block("[]", ',"cache_salt":[]')}]`), "bad_type"],
    ]);
  });

  test("a LoRA name is a string or null", () => {
    assert.equal(bodyOf(stored("[]", ',"lora_name":"a\\u00e9\\ud83d\\ude00"')).loraName, "a\u00e9\u{1f600}");
    assert.equal(bodyOf(stored("[]", ',"lora_name":null')).loraName, null);
    assertDefects([[stored("[]", ',"lora_name":7'), "bad_type"]]);
  });

  test("multimodal keys of wrong types read as values that match nothing", () => {
    const keys = [
      '{"type":"mm_key","hash":"aa","start_offset":0}',
      '{"hash":"aa","type":"\\u006dm_key","uuid":null,"start_offset":"3"}',
      '{"type":"other","hash":"aa","uuid":7,"start_offset":-1}',
      '{"type":"mm_key","hash":""}',
      '{"type":["mm_key"],"hash":{}}',
      "{}",
    ];
    const { mmKeys } = bodyOf(stored(`[${block("[]")},${block("[]", `,"mm_keys":[${keys.join()}]`)}]`));
    assert.deepEqual(mmKeys, [
      mmKey(true, "aa", null, 0),
      mmKey(true, "aa", null, ABSENT),
      mmKey(false, "aa", "", ABSENT),
      mmKey(false, "", null, ABSENT),
      mmKey(false, "", null, ABSENT),
      mmKey(false, "", null, ABSENT),
    ]);
    assertDefects([
      [stored(`[${block("[]", ',"mm_keys":null')}]`), null],
      [stored(`[${block("[]", ',"mm_keys":{}')}]`), "bad_type"],
      [stored(`[${block("[]", ',"mm_keys":["aa"]')}]`), "bad_type"],
    ]);
  });

  test("bytes that are not UTF-8 and halves of surrogate pairs are replaced", () => {
    assert.equal(saltOf([0xe2, 0x82]), "\ufffd");
    assert.equal(saltOf([0xff, 0x41, 0xc3]), "\ufffdA\ufffd");
    assert.equal(saltOf([0xef, 0xbb, 0xbf]), "\ufeff");
    assert.equal(saltOf([...encode("\\ud800x\\udc00")]), "\ufffdx\ufffd");
    assert.equal(saltOf([0xe2, 0x82, ...encode("\\u0041")]), "\ufffdA");
  });
});

test("what costs an object each is bounded: multimodal keys, and tokens that are no plain integers", () => {
  const many = MAX_EXTRAS_PER_EVENT + 1;
  const keys = Array.from({ length: many }, () => '{"type":"mm_key","hash":"00"}').join(",");
  const tokens = Array.from({ length: many }, () => '{"token_id":"7"}').join(",");
  const cases = [
    [`[{"block_hash":1,"tokens":[],"mm_keys":[${keys}]}]`, "mm_key"],
    [`[{"block_hash":1,"tokens":[${tokens}]}]`, "bad_type"],
  ] as const;
  for (const [blocks, defect] of cases) {
    const scanner = new EventScanner();
    const event = new RawEvent();
    scanner.begin();
    scanner.push(encode(`[${stored(blocks)}]`));
    scanner.end();
    assert.equal(scanner.next(event), "event");
    assert.equal(event.defect, defect);
    assert.ok(event.mmKeys.length <= MAX_EXTRAS_PER_EVENT && event.oddTokens.length <= MAX_EXTRAS_PER_EVENT);
    assert.equal(scanner.next(event), "done");
  }
});
