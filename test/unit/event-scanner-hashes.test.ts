/** The scanner on hashes and tokens: all 64 bits, all spellings, all wrong types. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { expectedView } from "../support/event-oracle.ts";
import { parseEntries } from "../support/lossless-json.ts";
import { scanText } from "../support/scan-body.ts";
import { assertDefects, block, bodyOf, removed, stored } from "../support/scan-entry.ts";

function hashOf(written: string): string | null | undefined {
  return bodyOf(removed(written)).hashes[0];
}

function parentOf(member: string): string {
  return bodyOf(`{"event_id":1,"data":{"type":"stored",${member}"blocks":[]}}`).parent;
}

describe("hashes", () => {
  test("keep all 64 bits", () => {
    for (const hash of ["0", "1", "999999999", "1000000000", "4294967295", "4294967296", "9007199254740993"]) {
      assert.equal(hashOf(hash), hash);
    }
    for (const hash of ["9223372036854775807", "9223372036854775808", "9999999999999999999", "18446744073709551615"]) {
      assert.equal(hashOf(hash), hash);
    }
    for (const exponent of [10n, 15n, 17n, 18n, 19n]) {
      for (const hash of [10n ** exponent - 1n, 10n ** exponent, 10n ** exponent + 1n])
        assert.equal(hashOf(`${hash}`), `${hash}`);
    }
  });

  test("that are negative are two's complement", () => {
    assert.equal(hashOf("-1"), "18446744073709551615");
    assert.equal(hashOf("-4294967296"), "18446744069414584320");
    assert.equal(hashOf("-9223372036854775808"), "9223372036854775808");
    assert.equal(hashOf("-0"), "0");
  });

  test("that are hex strings give their first eight bytes", () => {
    const digits = "9f0817516aedfd04d37a6fe103c6dd8e8e5f7cfabc6314f627778ea5fcc821ee";
    const expected = 0x9f0817516aedfd04n.toString();
    for (const written of [
      digits,
      digits.toUpperCase(),
      digits.slice(0, 16),
      digits.slice(0, 18),
      `\\u0039${digits.slice(1)}`,
    ]) {
      assert.equal(hashOf(`"${written}"`), expected, written);
    }
  });

  test("that are none are a defect", () => {
    assertDefects([
      [removed("18446744073709551616"), "hash_range"],
      [removed("100000000000000000000"), "hash_range"],
      [removed("-9223372036854775809"), "hash_range"],
      [removed("1.0"), "bad_type"],
      [removed("1e3"), "bad_type"],
      [removed("true"), "bad_type"],
      [removed("[]"), "bad_type"],
      [removed('""'), "bad_type"],
      [removed('"9f0817516aedfd0"'), "bad_type"],
      [removed('"9f0817516aedfd04d"'), "bad_type"],
      [removed('"9f0817516aedfd0g"'), "bad_type"],
      // Letters whose low byte would be a hex digit.
      [removed('"9f0817516aedfd\\u0141\\u0141"'), "bad_type"],
      [removed("null"), null],
      ['{"event_id":1,"data":{"type":"removed"}}', "missing_field"],
      ['{"event_id":1,"data":{"type":"removed","block_hashes":null}}', "bad_type"],
    ]);
  });

  test("parent_hash knows missing, null and given", () => {
    assert.equal(parentOf(""), "missing");
    assert.equal(parentOf('"parent_hash":null,'), "none");
    assert.equal(parentOf('"parent_hash":0,'), "0");
    assert.equal(parentOf('"parent_hash":"ffffffffffffffff",'), "18446744073709551615");
  });
});

function withTokens(tokens: string): string {
  return stored(`[${block(tokens)}]`);
}

describe("tokens", () => {
  const spellings: readonly ((id: string) => string)[] = [
    (id) => `{"type":"unique_token","token_id":${id},"token_extra_id":0}`,
    (id) => `{"type": "unique_token", "token_id": ${id}, "token_extra_id": 0}`,
    (id) => `{"token_extra_id":17,"token_id":${id},"type":"unique_token"}`,
    (id) => `{"token_id":${id}}`,
    (id) => ` { "type" : "unique_token" , "token_id" : ${id} , "token_extra_id" : 0 } `,
  ];
  test("are read in every spelling, also mixed in one block", () => {
    const ids = ["0", "9", "10", "999999999", "1000000000", "4294967295"];
    for (const spell of spellings) {
      for (const mark of [",", ", ", " ,\n"]) {
        assert.deepEqual(bodyOf(stored(`[${block(`[${ids.map(spell).join(mark)}]`)}]`)).tokens, [ids.map(Number)]);
      }
    }
    const mixed = spellings.flatMap((spell) => [spell("1"), spell("23")]);
    assert.deepEqual(bodyOf(stored(`[${block(`[${mixed.join(",")}]`)}]`)).tokens, [spellings.flatMap(() => [1, 23])]);
  });

  test("with any byte wrong are judged as any other JSON is", () => {
    for (const spell of spellings) {
      const front = `[${withTokens(`[${spell("7")},`).slice(0, -4)}`;
      const token = spell("12");
      for (let at = 0; at < token.length; at++) {
        for (const wrong of ['"', "\\", "}", "x", "0", " ", "", "\u0001", "-"]) {
          const body = `${front}${token.slice(0, at)}${wrong}${token.slice(at + 1)},${spell("34")}]}]}}]`;
          const { entries, wellFormed } = parseEntries(body);
          const { events, step } = scanText(body);
          assert.equal(step, wellFormed ? "done" : "error", body);
          assert.deepEqual(events, entries.map(expectedView), body);
        }
      }
    }
  });

  test("out of range, or of a wrong type, are a defect", () => {
    assertDefects([
      ...spellings.flatMap((spell) => [
        [withTokens(`[${spell("4294967296")}]`), "token_range"] as const,
        [withTokens(`[${spell("-1")}]`), "token_range"] as const,
        [withTokens(`[${spell("1e20")}]`), "token_range"] as const,
        [withTokens(`[${spell("-1.5")}]`), "token_range"] as const,
        [withTokens(`[${spell("-0")}]`), null] as const,
        [withTokens(`[${spell("[]")}]`), "bad_type"] as const,
      ]),
      [withTokens("[5]"), "bad_type"],
      [withTokens("[null]"), "bad_type"],
      [withTokens("[{}]"), "missing_field"],
      [withTokens('[{"type":"unique_token"}]'), "missing_field"],
      [withTokens("null"), "bad_type"],
      [withTokens("{}"), "bad_type"],
    ]);
  });

  test("that are no plain numbers are listed with their type", () => {
    const ids = ["3", '"a\\u0062"', "4.9", "1e2", "true", "false", "null", "-0.5", "5"];
    const { tokens, oddTokens } = bodyOf(
      stored(`[${block("[]")},${block(`[${ids.map((id) => `{"token_id":${id}}`).join()}]`)}]`),
    );
    assert.deepEqual(tokens, [[], [3, 0, 4, 100, 1, 0, 0, 0, 5]]);
    assert.deepEqual(oddTokens, [
      { index: 1, type: "string", text: "ab" },
      { index: 2, type: "float", text: "" },
      { index: 3, type: "float", text: "" },
      { index: 4, type: "bool", text: "" },
      { index: 5, type: "bool", text: "" },
      { index: 6, type: "null", text: "" },
      { index: 7, type: "float", text: "" },
    ]);
  });

  test("may be many", () => {
    const count = 20_000;
    const tokens = Array.from(
      { length: count },
      (_, id) => `{"type":"unique_token","token_id":${id},"token_extra_id":0}`,
    );
    assert.deepEqual(bodyOf(stored(`[${block(`[${tokens.join()}]`)}]`)).tokens, [
      Array.from({ length: count }, (_, id) => id),
    ]);
  });
});
