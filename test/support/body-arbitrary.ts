/**
 * Made-up drain bodies for property tests: mostly what an engine could send, with extremes, wrong types, missing and
 * doubled keys mixed in, written with any whitespace, escapes and key order.
 */
import * as fc from "fast-check";
import type { LosslessJson, Member } from "./lossless-json.ts";

const text = (value: string): LosslessJson => ({ type: "string", text: value });
const number = (value: string): LosslessJson => ({ type: "number", text: value });
const list = (items: readonly LosslessJson[]): LosslessJson => ({ type: "array", items });
const object = (fields: readonly Member[]): LosslessJson => ({ type: "object", members: fields });
const NULL: LosslessJson = { type: "null" };

/** `usual` nearly always, `odd` now and then. */
function rarely(odd: fc.Arbitrary<LosslessJson>, usual: fc.Arbitrary<LosslessJson>): fc.Arbitrary<LosslessJson> {
  return fc.oneof({ weight: 150, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

const anyText: fc.Arbitrary<LosslessJson> = fc.string({ unit: "binary", maxLength: 12 }).map(text);

/** Any JSON at all, for unknown keys and wrong types. */
const anyJson: fc.Arbitrary<LosslessJson> = fc.letrec<{ json: LosslessJson }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant(NULL),
    fc.boolean().map((value): LosslessJson => ({ type: "bool", value })),
    fc.constantFrom("0", "-0", "1.5", "-3e9", "1E-400", "18446744073709551616", "123456789").map(number),
    anyText,
    fc.array(tie("json"), { maxLength: 3 }).map(list),
    fc.array(fc.tuple(fc.string({ maxLength: 4 }), tie("json")), { maxLength: 3 }).map(object),
  ),
})).json;

const count: fc.Arbitrary<LosslessJson> = rarely(
  fc.oneof(anyJson, fc.constantFrom("-1", "1e2", "9007199254740992", "5.0").map(number)),
  fc.oneof(fc.nat(), fc.constantFrom(0, 1023, 4096, 131_072, Number.MAX_SAFE_INTEGER)).map((n) => number(String(n))),
);
const rank: fc.Arbitrary<LosslessJson> = rarely(
  count,
  fc.nat(1023).map((n) => number(String(n))),
);

const hashInteger: fc.Arbitrary<LosslessJson> = fc
  .oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc
      .integer({ min: 0, max: 64 })
      .chain((bits) => fc.bigInt({ min: -3n, max: 3n }).map((d) => 2n ** BigInt(bits) + d)),
    fc.integer({ min: 0, max: 20 }).chain((ten) => fc.bigInt({ min: -2n, max: 2n }).map((d) => 10n ** BigInt(ten) + d)),
  )
  .filter((hash) => hash >= -(2n ** 63n) && hash < 2n ** 64n)
  .map((hash) => number(hash.toString()));
const hashHex: fc.Arbitrary<LosslessJson> = fc
  .tuple(fc.constantFrom(64, 64, 64, 16, 40), fc.boolean())
  .chain(([length, upper]) =>
    fc
      .string({ unit: fc.constantFrom(..."0123456789abcdef".split("")), minLength: length, maxLength: length })
      .map((hex) => text(upper ? hex.toUpperCase() : hex)),
  );
const badHash: fc.Arbitrary<LosslessJson> = fc.oneof(
  anyJson,
  fc.constantFrom("18446744073709551616", "-9223372036854775809", "99999999999999999999", "1e19").map(number),
  fc
    .constantFrom("0123456789abcde", "0123456789abcdef0", "ab", "0x23456789abcdef", "00000000000000\u0141\u0141")
    .map(text),
);
const hash: fc.Arbitrary<LosslessJson> = rarely(
  badHash,
  fc.oneof({ weight: 6, arbitrary: hashInteger }, { weight: 2, arbitrary: hashHex }, fc.constant(NULL)),
);

const tokenId: fc.Arbitrary<LosslessJson> = rarely(
  fc.oneof(anyJson, fc.constantFrom("-1", "4294967296", "-0", "1e2", "-0.5", "4294967295.9", "1e300").map(number)),
  fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((n) => number(String(n))) },
    { weight: 9, arbitrary: fc.nat(150_000).map((n) => number(String(n))) },
    { weight: 1, arbitrary: hashHex },
  ),
);

/** Members in any order, some missing, with unknown keys and doubled ones. */
function anyOrder(fields: fc.Arbitrary<Member[]>): fc.Arbitrary<LosslessJson> {
  const strange = fc.array(fc.tuple(fc.constantFrom("x", "", "type2", "\u00e9", "event_id", "blocks"), anyJson), {
    maxLength: 2,
  });
  return fc
    .tuple(fields, strange, fc.nat(60), fc.nat())
    .chain(([known, extra, drop, twice]) => {
      const kept = known.filter((_, i) => i !== drop);
      const doubled = kept.filter((_, i) => i === twice);
      return fc.shuffledSubarray([...kept, ...extra, ...doubled], { minLength: kept.length + extra.length });
    })
    .map(object);
}

/** In the order in which an engine writes them, or in any. */
function members(fields: Readonly<Record<string, fc.Arbitrary<LosslessJson>>>): fc.Arbitrary<LosslessJson> {
  const entries = fc.record(fields).map((record): Member[] => Object.entries(record));
  return fc.oneof({ weight: 3, arbitrary: entries.map(object) }, { weight: 1, arbitrary: anyOrder(entries) });
}

const named = (name: string): fc.Arbitrary<LosslessJson> => rarely(anyJson, fc.constant(text(name)));
const salt: fc.Arbitrary<LosslessJson> = rarely(
  anyJson,
  fc.oneof({ weight: 3, arbitrary: fc.constant(NULL) }, fc.constantFrom("", "tenant-a", "\u{1f511}").map(text)),
);
const token: fc.Arbitrary<LosslessJson> = rarely(
  anyJson,
  members({ type: named("unique_token"), token_id: tokenId, token_extra_id: fc.constant(number("0")) }),
);
const mmKey: fc.Arbitrary<LosslessJson> = members({
  type: named("mm_key"),
  hash: rarely(anyJson, hashHex),
  uuid: fc.oneof(fc.constant(NULL), hashHex, anyText),
  start_offset: count,
});
const block: fc.Arbitrary<LosslessJson> = rarely(
  anyJson,
  members({
    type: named("stored_block"),
    block_hash: hash,
    tokens: rarely(anyJson, fc.array(token, { maxLength: 9 }).map(list)),
    cache_level: count,
    mm_keys: rarely(anyJson, fc.oneof(fc.constant(list([])), fc.array(mmKey, { maxLength: 2 }).map(list))),
    cache_salt: salt,
  }),
);
const data: fc.Arbitrary<LosslessJson> = fc.oneof(
  {
    weight: 6,
    arbitrary: members({ type: named("stored"), parent_hash: hash, blocks: blocksOf(block), cache_salt: salt }),
  },
  {
    weight: 1,
    arbitrary: members({ type: named("stored"), parent_hash: hash, blocks: blocksOf(block), lora_name: salt }),
  },
  { weight: 3, arbitrary: members({ type: named("removed"), block_hashes: blocksOf(hash) }) },
  { weight: 1, arbitrary: members({ type: named("created"), num_blocks_per_cache_level: anyJson }) },
  { weight: 1, arbitrary: members({ type: named("updated"), block_hash: hash, cache_level: anyJson }) },
  { weight: 1, arbitrary: members({ type: named("cleared"), blocks: anyJson }) },
  { weight: 1, arbitrary: anyJson },
);

function blocksOf(item: fc.Arbitrary<LosslessJson>): fc.Arbitrary<LosslessJson> {
  return rarely(anyJson, fc.array(item, { maxLength: 4 }).map(list));
}

const entry: fc.Arbitrary<LosslessJson> = fc.oneof(
  { weight: 8, arbitrary: members({ event_id: count, data, window_size: count, attention_dp_rank: rank }) },
  { weight: 2, arbitrary: members({ event_id: count, data, window_size: count, layer_group_id: count }) },
  { weight: 1, arbitrary: anyJson },
  { weight: 1, arbitrary: fc.constantFrom(NULL, object([])) },
);

const SPELLINGS = ["compact", "spaced", "wild"] as const;
type Spelling = (typeof SPELLINGS)[number];

/** The text of a body. */
export const bodyText: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(entry, { maxLength: 6 }),
    fc.constantFrom<Spelling>(...SPELLINGS),
    fc.array(fc.nat(255), { minLength: 1, maxLength: 40 }),
  )
  .map(([entries, spelling, noise]) => new Writer(spelling, noise).write(list(entries)));

class Writer {
  readonly #spelling: Spelling;
  readonly #noise: readonly number[];
  #drawn: number = 0;

  constructor(spelling: Spelling, noise: readonly number[]) {
    this.#spelling = spelling;
    this.#noise = noise;
  }

  write(json: LosslessJson): string {
    switch (json.type) {
      case "null":
        return this.#pad("null");
      case "bool":
        return this.#pad(String(json.value));
      case "number":
        return this.#pad(json.text);
      case "string":
        return this.#pad(this.#quote(json.text));
      case "array":
        return this.#pad(`[${json.items.map((item) => this.write(item)).join(this.#mark(","))}${this.#space()}]`);
      case "object":
        return this.#pad(
          `{${json.members.map(([key, value]) => this.#member(key, value)).join(this.#mark(","))}${this.#space()}}`,
        );
    }
  }

  #member(key: string, value: LosslessJson): string {
    return this.#pad(this.#quote(key)) + this.#mark(":") + this.write(value);
  }

  #draw(): number {
    this.#drawn++;
    return ((this.#noise[this.#drawn % this.#noise.length] ?? 0) + this.#drawn * 7) % 256;
  }

  #mark(mark: string): string {
    return this.#spelling === "compact" ? mark : `${mark} `;
  }

  #space(): string {
    if (this.#spelling !== "wild") return "";
    return ["", "", "", " ", "\t", "\n", "\r\n", "   "][this.#draw() % 8] ?? "";
  }

  #pad(written: string): string {
    return this.#space() + written + this.#space();
  }

  #quote(value: string): string {
    if (this.#spelling !== "wild" || this.#draw() % 4 !== 0) return JSON.stringify(value);
    let quoted = "";
    for (const unit of JSON.stringify(value)
      .slice(1, -1)
      .split(/(\\u....|\\.|[^])/u)) {
      const plain = unit.length === 1 && this.#draw() % 3 === 0;
      quoted += plain ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}` : unit;
    }
    return `"${quoted}"`;
  }
}
