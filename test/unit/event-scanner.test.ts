/** The scanner on entries that are written out here: kinds, keys and ids. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ABSENT, BAD_RANK, type InvalidReason } from "../../src/main/engine/raw-event.ts";
import type { EventView } from "../support/event-oracle.ts";
import { scanText } from "../support/scan-body.ts";
import { assertDefects, bodyOf, scanOne, stored } from "../support/scan-entry.ts";

test("a stored event with everything in it", () => {
  const { head, body } = scanOne(
    `{"event_id":7,"data":{"type":"stored","parent_hash":18446744073709551615,"blocks":[
      {"type":"stored_block","block_hash":9223372036854775808,"tokens":[
        {"type":"unique_token","token_id":1,"token_extra_id":0},{"type":"unique_token","token_id":4294967295,"token_extra_id":0}],
       "cache_level":0,"priority":35,"mm_keys":[{"type":"mm_key","hash":"ab","uuid":"u","start_offset":3}],"cache_salt":"s"},
      {"type":"stored_block","block_hash":null,"tokens":[],"cache_level":0,"priority":35}],"lora_name":"a"},
     "window_size":128,"attention_dp_rank":3,"layer_group_id":2,"hash_algo":"v1_block_key"}`,
  );
  assert.deepEqual(head, { kind: "stored", eventId: 7, rank: 3, windowSize: 128, layerGroup: 2, defect: null });
  assert.deepEqual(body, {
    parent: "18446744073709551615",
    levels: [-1, -1],
    hashes: ["9223372036854775808", null],
    tokens: [[1, 4_294_967_295], []],
    loraName: "a",
    cacheSalt: "s",
    saltConflict: false,
    mmKeys: [{ block: 0, usable: true, hash: "ab", uuid: "u", startOffset: 3 }],
    oddTokens: [],
  });
});

function kindOf(entry: string): string {
  const { kind, defect } = scanOne(entry).head;
  return `${kind} ${defect}`;
}

test("every kind of entry", () => {
  assert.equal(kindOf('{"event_id":0,"data":{"type":"created","num_blocks_per_cache_level":[1,[2]]}}'), "created null");
  assert.equal(kindOf('{"event_id":0,"data":{"type":"updated","block_hash":"not read"}}'), "updated null");
  assert.equal(kindOf('{"event_id":0,"data":{"type":"cleared","blocks":5}}'), "unknown unknown_type");
  for (const entry of ["null", "{}", "{ }"]) assert.equal(kindOf(entry), "empty empty_entry");
  for (const entry of ["1", "-1.5e3", '"x"', "true", "[]", "[{}]"]) assert.equal(kindOf(entry), "unknown bad_type");
  assert.deepEqual(scanText(" [ ] ").events, []);
});

describe("keys", () => {
  test("come in any order, with data in front of the ids and blocks in front of the type", () => {
    const { head, body } = scanOne(
      '{"data":{"cache_salt":"s","blocks":[{"tokens":[{"token_extra_id":0,"token_id":9}],"block_hash":4}],"parent_hash":3,' +
        '"type":"stored"},"attention_dp_rank":2,"window_size":8,"event_id":6}',
    );
    assert.deepEqual(head, { kind: "stored", eventId: 6, rank: 2, windowSize: 8, layerGroup: ABSENT, defect: null });
    assert.deepEqual([body?.parent, body?.hashes, body?.tokens, body?.cacheSalt], ["3", ["4"], [[9]], "s"]);
  });

  test("may be written with escapes, and so may type names", () => {
    const { head } = scanOne(
      '{"event\\u005fid":6,"\\u0064ata":{"typ\\u0065":"remo\\u0076ed","block\\u005Fhashes":[1]}}',
    );
    assert.deepEqual([head.kind, head.eventId, head.defect], ["removed", 6, null]);
  });

  test("that come twice count the first time only", () => {
    const { head, body } = scanOne(
      '{"event_id":1,"event_id":2,"data":{"type":"removed","type":"created","block_hashes":[1],"block_hashes":"x"},"data":5}',
    );
    assert.deepEqual([head.kind, head.eventId, head.defect, body?.hashes], ["removed", 1, null, ["1"]]);
    assert.deepEqual(
      bodyOf(stored('[{"block_hash":1,"block_hash":2,"tokens":[{"token_id":1,"token_id":2}]}]')).tokens,
      [[1]],
    );
  });

  test("that nobody knows are skipped with any value", () => {
    const strange = '{"a":[{"b":[null,true,-0.5e-7,"\\uD83D\\uDE00\\n"]}],"":{}}';
    assert.deepEqual(
      bodyOf(`{"x":${strange},"event_id":1,"data":{"y":${strange},"type":"removed","block_hashes":[7]}}`).hashes,
      ["7"],
    );
  });

  test("of a removed or created event do not count in another kind", () => {
    assertDefects([
      ['{"event_id":1,"data":{"type":"removed","block_hashes":[],"blocks":5,"cache_salt":5,"parent_hash":"x"}}', null],
      ['{"event_id":1,"data":{"blocks":5,"type":"created"}}', null],
      [stored("[]", ',"block_hashes":5'), null],
    ]);
  });
});

function headWith(ids: string): EventView["head"] {
  return scanOne(`{"event_id":1,"data":{"type":"created"}${ids}}`).head;
}

describe("ids", () => {
  const idCases: readonly (readonly [written: string, id: number, defect: InvalidReason | null])[] = [
    ["0", 0, null],
    ["-0", 0, null],
    ["9007199254740991", Number.MAX_SAFE_INTEGER, null],
    ["9007199254740992", ABSENT, "bad_type"],
    ["18446744073709551616", ABSENT, "bad_type"],
    ["-1", ABSENT, "bad_type"],
    ["1.0", ABSENT, "bad_type"],
    ["1e2", ABSENT, "bad_type"],
    ['"1"', ABSENT, "bad_type"],
    ["null", ABSENT, "bad_type"],
    ["[1]", ABSENT, "bad_type"],
  ];
  test("event_id is an integer that a double holds", () => {
    for (const [written, id, defect] of idCases) {
      const { head } = scanOne(`{"event_id":${written},"data":{"type":"removed","block_hashes":[]}}`);
      assert.deepEqual([head.eventId, head.defect], [id, defect], written);
    }
    assert.deepEqual(scanOne('{"data":{"type":"created"}}').head, {
      kind: "created",
      eventId: ABSENT,
      rank: 0,
      windowSize: ABSENT,
      layerGroup: ABSENT,
      defect: "missing_field",
    });
  });

  test("a defect further on does not lose the ids", () => {
    const { head } = scanOne(
      '{"event_id":9,"data":{"type":"stored"},"attention_dp_rank":4,"window_size":2,"layer_group_id":1}',
    );
    assert.deepEqual(head, {
      kind: "stored",
      eventId: 9,
      rank: 4,
      windowSize: 2,
      layerGroup: 1,
      defect: "missing_field",
    });
  });

  test("rank, window and layer group may be absent or null", () => {
    for (const ids of ["", ',"attention_dp_rank":null,"window_size":null,"layer_group_id":null']) {
      const { rank, windowSize, layerGroup, defect } = headWith(ids);
      assert.deepEqual([rank, windowSize, layerGroup, defect], [0, ABSENT, ABSENT, null]);
    }
    assert.equal(headWith(',"attention_dp_rank":1023').rank, 1023);
    for (const ids of [
      '"attention_dp_rank":1024',
      '"attention_dp_rank":-1',
      '"window_size":1.5',
      '"layer_group_id":""',
    ]) {
      const { rank, windowSize, layerGroup, defect } = headWith(`,${ids}`);
      // A rank that cannot be must not pass for rank 0, whose ids it would disturb.
      const expectedRank = ids.includes("rank") ? BAD_RANK : 0;
      assert.deepEqual([rank, windowSize, layerGroup, defect], [expectedRank, ABSENT, ABSENT, "bad_type"], ids);
    }
  });
});
