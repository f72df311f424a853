/** Multimodal content: the run rule of newer engines, vector by vector, and the key rule of older ones. */
import assert from "node:assert/strict";
import test from "node:test";
import { Harness, storedOf } from "../support/normaliser-harness.ts";
import { asList, asObject, asText, block, hashOf, type Json, readFixture, storedJson } from "../support/raw-events.ts";

const vectors = asObject(readFixture("dynamo/trtllm_v2_mm_kv_events.json"));
const expectations = asObject(readFixture("dynamo/trtllm_v2_mm_expected.json"));
const OFFSET = Number(vectors["mm_token_id_offset"]);
const DIGEST = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const UUID = "9dc26f865941d289";
const PAD = 424_744_137;

interface Key {
  type?: string;
  hash: string;
  uuid?: string;
  start_offset?: number;
}
interface Block {
  tokens: { token_id: Json }[];
  mm_keys: Key[];
}

/** The forward event with a change in its blocks; the id may be set for events that follow. */
function forward(change: (blocks: [Block, Block, Block]) => void = () => {}): Json {
  const event = structuredClone(vectors["forward_event"]) as unknown as { data: { blocks: [Block, Block, Block] } };
  change(event.data.blocks);
  return event as unknown as Json;
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new RangeError("no such item");
  return item;
}

const tokensOf = (event: Parameters<typeof storedOf>[0]): readonly number[] => storedOf(event).tokens;

function setToken(of: Block, index: number, value: Json): void {
  at(of.tokens, index).token_id = value;
}

test("runs become the routing value of their item", () => {
  const harness = new Harness({ mmTokenOffset: OFFSET });
  assert.deepEqual(harness.feed(forward()), ["publish"]);
  const wanted = asObject(expectations["forward_event_expected"]);
  assert.deepEqual(harness.published, [
    {
      type: "stored",
      rank: 0,
      hashes: asList(wanted["block_hashes"]).map((hash) => hashOf(hash)),
      parent: hashOf(wanted["parent_hash"]),
      tokens: wanted["token_ids"],
      loraName: null,
      cacheSalt: null,
      mm: [null, null, null],
    },
  ]);
  for (const [uuid, pad] of Object.entries(asObject(expectations["pad_values"]))) {
    assert.equal(1_000_000 + Number(BigInt(`0x${uuid}`) & 0x3fff_ffffn), pad);
  }
});

const refusals: readonly [string, string, Json, number | null][] = [
  ...["abcd", "z".repeat(64), " ".repeat(64)].map((bad): [string, string, Json, number] => [
    `digest of ${bad.length} times ${bad[0]}`,
    "invalid digest encoding",
    forward(([first]) => {
      setToken(first, 1, bad);
      at(first.mm_keys, 0).hash = bad;
    }),
    OFFSET,
  ]),
  ["no keys", "multimodal run/key count mismatch", forward(([first]) => (first.mm_keys = [])), OFFSET],
  ["an engine without keys", "multimodal run/key count mismatch", vectors["legacy_event"] ?? null, OFFSET],
  [
    "a key too many",
    "multimodal run/key count mismatch",
    forward(([first]) => first.mm_keys.push(at(first.mm_keys, 0))),
    OFFSET,
  ],
  [
    "no uuid",
    "invalid multimodal routing UUID",
    forward(([first]) => delete (at(first.mm_keys, 0) as { uuid?: string }).uuid),
    OFFSET,
  ],
  ...["9dc26f865941d28", "9dc26f865941d289f", "zzzz6f865941d289", ""].map((uuid): [string, string, Json, number] => [
    `uuid ${uuid.length} long`,
    "invalid multimodal routing UUID",
    forward(([first]) => (at(first.mm_keys, 0).uuid = uuid)),
    OFFSET,
  ]),
  [
    "another item's digest",
    "digest token does not match multimodal key",
    forward(([first, , third]) => (at(first.mm_keys, 0).hash = at(third.mm_keys, 1).hash)),
    OFFSET,
  ],
  [
    "key digest of a continued run",
    "invalid digest encoding",
    forward(([, second]) => (at(second.mm_keys, 0).hash = "abcd")),
    OFFSET,
  ],
  [
    "entry that is no key",
    "invalid digest encoding",
    forward(([first]) => (at(first.mm_keys, 0).type = "other")),
    OFFSET,
  ],
  [
    "start_offset 2",
    "multimodal key offset does not match token run",
    forward(([, second]) => (at(second.mm_keys, 0).start_offset = 2)),
    OFFSET,
  ],
  [
    "no start_offset",
    "multimodal key offset does not match token run",
    forward(([first]) => delete (at(first.mm_keys, 0) as { start_offset?: number }).start_offset),
    OFFSET,
  ],
  ...[1001.5, null, true].map((token): [string, string, Json, number] => [
    `token ${JSON.stringify(token)}`,
    "invalid token ID type",
    forward(([first]) => setToken(first, 0, token)),
    OFFSET,
  ]),
  ["no offset", "multimodal continuation-token offset is unavailable", forward(), null],
  ["negative offset", "multimodal continuation-token offset is unavailable", forward(), -1],
  ["bad digest and no offset", "invalid digest encoding", forward(([first]) => setToken(first, 1, "abcd")), null],
  ["skipped position", "non-consecutive continuation tokens", forward(([first]) => setToken(first, 3, 1005)), OFFSET],
];

for (const [name, reason, event, mmTokenOffset] of refusals) {
  test(`refused: ${name}`, () => {
    const harness = new Harness({ mmTokenOffset });
    const { event_id: eventId } = asObject(event);
    assert.deepEqual(harness.feed(event), ["invalid"]);
    assert.deepEqual(harness.reasons(), { mm_key: 1 });
    const notices = harness.notices.filter(({ code }) => code !== "window_adopted");
    assert.deepEqual(notices, [{ rank: 0, eventId, code: "mm_key", reason }]);
    // The next event is published, and nothing of the refused one is left in it.
    const next = storedJson(Number(eventId) + 1, [block(7, 4)]);
    assert.deepEqual(harness.feed(next), ["publish"]);
    assert.deepEqual(harness.published[0], {
      type: "stored",
      rank: 0,
      hashes: [7n],
      parent: null,
      tokens: [1, 2, 3, 4],
      loraName: null,
      cacheSalt: null,
      mm: [null],
    });
  });
}

test("every reason of the vectors is tried", () => {
  const tried = new Set(refusals.map(([, reason]) => reason));
  for (const mutation of asList(expectations["mutations_expected_to_drop"])) {
    assert.ok(tried.has(asText(asObject(mutation)["reason"])));
  }
});

const key = (start: number): Json => ({ type: "mm_key", hash: DIGEST, uuid: UUID, start_offset: start });

function tokens(list: readonly Json[], keys: readonly Json[], hash: number | null = 1): Json {
  return { block_hash: hash, tokens: list.map((token) => ({ token_id: token })), mm_keys: keys };
}

test("a text token and a digest end a run, a block's end does too", () => {
  const harness = new Harness({ mmTokenOffset: OFFSET });
  const upper = DIGEST.toUpperCase();
  const upperKey: Json = { type: "mm_key", hash: upper, uuid: UUID.toUpperCase(), start_offset: 0 };
  harness.feed(
    storedJson(0, [
      tokens([DIGEST, upper, 1001, 1000], [upperKey, key(0)]),
      tokens([1002, 5, 6, 1009], [key(2), key(9)], 2),
    ]),
  );
  assert.deepEqual(tokensOf(harness.published[0]), [PAD, PAD, PAD, 1000, PAD, 5, 6, PAD]);
});

test("the run rule looks at published blocks only", () => {
  const harness = new Harness({ mmTokenOffset: OFFSET });
  harness.feed(
    storedJson(0, [tokens(["bad", 1, 2, 3], [], null), tokens([4, 5, 6, 7], [], 2), tokens(["bad"], [key(1)], 3)]),
  );
  assert.deepEqual(tokensOf(harness.published[0]), [4, 5, 6, 7]);
});

test("a null block in front does not shift keys and tokens", () => {
  const harness = new Harness({ mmTokenOffset: OFFSET });
  harness.feed(storedJson(0, [block(null, 4), tokens([9, DIGEST, 1001, 8], [key(0)], 2)]));
  assert.deepEqual(harness.published[0]?.hashes, [2n]);
  assert.deepEqual(tokensOf(harness.published[0]), [9, PAD, PAD, 8]);
});

const keysOf = (...hashes: string[]): Json => hashes.map((hash) => ({ type: "mm_key", hash, start_offset: 0 }));

test("keys without uuid: the first 16 digits of each usable hash", () => {
  const harness = new Harness();
  harness.feed(
    storedJson(0, [
      block(1, 4, { mm_keys: keysOf(`00000000000000ff${"0".repeat(48)}`, "FFffffffFFFFFFFF") }),
      block(2, 4, {
        mm_keys: [
          { type: "other", hash: "zz" },
          { type: "mm_key", hash: "" },
        ],
      }),
      block(3, 4, { mm_keys: keysOf("123456789") }),
    ]),
  );
  assert.deepEqual(storedOf(harness.published[0]).mm, [[255n, 0xffff_ffff_ffff_ffffn], null, [0x1_2345_6789n]]);
  harness.feed(storedJson(1, [block(4, 4)]));
  assert.equal(harness.normaliser.out.mmInfos, null);
});

for (const hash of ["zz", "0x12", "12 ", "1_2", "-1", "12345678901234g"]) {
  test(`keys without uuid: ${JSON.stringify(hash)} is refused`, () => {
    const harness = new Harness();
    harness.feed(storedJson(0, [block(1, 4, { mm_keys: [{ type: "mm_key", hash, start_offset: 0 }] })]));
    assert.deepEqual(harness.reasons(), { mm_key: 1 });
    assert.deepEqual(harness.notices, [
      { rank: 0, eventId: 0, code: "mm_key", reason: "multimodal hash is not hexadecimal" },
    ]);
  });
}

const texts: readonly [Json, number | string][] = [
  ["7", 7],
  [" +1_000\n", 1000],
  ["-0", 0],
  ["0004294967295", 0xffff_ffff],
  ["\u3000 8\x1f", 8],
  ["4294967296", "token_range"],
  ["-1", "token_range"],
  ["9".repeat(400), "token_range"],
  [9.9, 9],
  [true, 1],
  [false, 0],
  [null, "bad_type"],
  ["1__0", "mm_key"],
  ["_1", "mm_key"],
  ["1_", "mm_key"],
  ["1 0", "mm_key"],
  ["+", "mm_key"],
  ["", "mm_key"],
  ["\ufeff1", "mm_key"],
  ["1.0", "mm_key"],
];

for (const [token, wanted] of texts) {
  const name = typeof token === "string" && token.length > 20 ? `${token.length} digits` : JSON.stringify(token);
  test(`token ${name} is ${wanted}`, () => {
    const harness = new Harness();
    harness.feed(storedJson(0, [tokens([1, 2, 3, token], [])]));
    if (typeof wanted === "number") {
      assert.deepEqual(tokensOf(harness.published[0]), [1, 2, 3, wanted]);
    } else {
      assert.deepEqual(harness.reasons(), { [wanted]: 1 });
    }
  });
}

test("odd tokens of blocks that are not published do not matter", () => {
  const harness = new Harness();
  harness.feed(storedJson(0, [tokens([null, 1, 2, 3], [], null), tokens([4, "5", 6, 7], []), tokens([null], [], 3)]));
  assert.deepEqual(tokensOf(harness.published[0]), [4, 5, 6, 7]);
});
