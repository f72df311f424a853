/**
 * Made-up batches as other publishers send them, in all forms: maps with their keys in any order, arrays with every tail,
 * values in every width. Floats that stand for integers are never whole, so that a reader of decoded values sees them too.
 */
import * as fc from "fast-check";
import { hash64 } from "./published.ts";
import { int, list, map, NIL, type Spelled, text } from "./spelled-msgpack.ts";

const form: fc.Arbitrary<number> = fc.nat({ max: 7 });
const u32: fc.Arbitrary<number> = fc.oneof(
  fc.nat({ max: 0xffff_ffff }),
  fc.constantFrom(0, 1, 127, 128, 255, 256, 65_535, 65_536, 0xffff_ffff),
  fc.nat({ max: 150_000 }),
);
const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.constantFrom("", "adapter", "dynamo-cache-salt:", "dynamo-cache-salt:tenant"),
  fc.string({ minLength: 30, maxLength: 34 }),
);

const spelledText = (texts: fc.Arbitrary<string>): fc.Arbitrary<Spelled> =>
  fc.tuple(texts, form).map(([value, chosen]) => text(value, chosen));
const spelledInt = (values: fc.Arbitrary<bigint | number>): fc.Arbitrary<Spelled> =>
  fc.tuple(values, form).map(([value, chosen]) => int(value, chosen));
const spelledList = (items: fc.Arbitrary<Spelled>, constraints: fc.ArrayConstraints): fc.Arbitrary<Spelled> =>
  fc.tuple(fc.array(items, constraints), form).map(([values, chosen]) => list(values, chosen));
const orNil = (values: fc.Arbitrary<Spelled>): fc.Arbitrary<Spelled> =>
  fc.oneof({ weight: 4, arbitrary: values }, fc.constant(NIL));

const partOfOne = fc.double({ min: 0.1, max: 0.9, noNaN: true });
const float: fc.Arbitrary<Spelled> = fc
  .tuple(fc.nat({ max: 1000 }), partOfOne, fc.boolean())
  .map(([whole, part, single]) => ({ type: "float", value: whole + part, single }));
const bytes = fc.uint8Array({ maxLength: 20 });

/** Any msgpack. */
export const anything: fc.Arbitrary<Spelled> = fc.letrec<{ any: Spelled }>((tie) => ({
  any: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant(NIL),
    fc.boolean().map((value): Spelled => ({ type: "bool", value })),
    spelledInt(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n })),
    spelledInt(u32),
    float,
    spelledText(anyText),
    bytes.map((value): Spelled => ({ type: "bin", bytes: value })),
    bytes.map((value): Spelled => ({ type: "ext", bytes: value })),
    spelledList(tie("any"), { maxLength: 4 }),
    fc
      .tuple(fc.array(fc.tuple(spelledText(fc.string({ maxLength: 6 })), tie("any")), { maxLength: 3 }), form)
      .map(([entries, chosen]) =>
        map(
          entries.filter(([key]) => !isPrototype(key)),
          chosen,
        ),
      ),
  ),
})).any;

/** The one key that `@msgpack/msgpack` refuses. */
function isPrototype(key: Spelled): boolean {
  return key.type === "text" && key.text === "__proto__";
}

/** Unsigned or signed, as publishers choose. */
const hash: fc.Arbitrary<Spelled> = spelledInt(
  fc.tuple(hash64, fc.boolean()).map(([value, signed]) => (signed ? BigInt.asIntN(64, value) : value)),
);
const token = spelledInt(u32);
const tokens: fc.Arbitrary<Spelled> = fc.oneof(
  { weight: 4, arbitrary: spelledList(token, { maxLength: 20 }) },
  spelledList(spelledList(token, { minLength: 2, maxLength: 2 }), { maxLength: 6 }),
);
const hex64 = fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF".split("")), minLength: 64, maxLength: 64 });
const keyText = spelledText(fc.oneof(hex64, anyText, fc.constantFrom("adapter", "dynamo-cache-salt:adapter")));
const anyInt = spelledInt(fc.oneof(u32, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n })));
const extraKey: fc.Arbitrary<Spelled> = fc.oneof(
  { weight: 3, arbitrary: keyText },
  fc.tuple(keyText, anyInt, form).map(([key, offset, chosen]) => list([key, offset], chosen)),
  anyInt,
  float,
  fc.boolean().map((value): Spelled => ({ type: "bool", value })),
  bytes.map((value): Spelled => ({ type: "bin", bytes: value })),
);
const extraKeys = spelledList(orNil(spelledList(extraKey, { maxLength: 4 })), { maxLength: 5 });
const mmObject: fc.Arbitrary<Spelled> = fc
  .tuple(spelledInt(hash64), anything, fc.boolean())
  .map(([value, offsets, swapped]) => {
    const entries = [
      [text("mm_hash"), value],
      [text("offsets"), offsets],
    ] as const;
    return map(swapped ? entries.toReversed() : entries);
  });
const mmInfos = spelledList(
  orNil(spelledList(mmObject, { maxLength: 3 }).map((objects) => map([[text("mm_objects"), objects]]))),
  { maxLength: 5 },
);
const MEDIA = ["GPU", "DEVICE", "CPU", "CPU_PINNED", "CPU_TIER1", "CPU_TIER2", "DISK", "NVME", "STORAGE", "EXTERNAL"];
const KINDS = ["full_attention", "mla_attention", "sink_full_attention", "sliding_window", "mamba"];
const name = (names: readonly string[]): fc.Arbitrary<Spelled> =>
  orNil(spelledText(fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...names) }, anyText)));

/** Each field with values that it allows, by its name in maps. */
const FIELDS: Readonly<Record<string, fc.Arbitrary<Spelled>>> = {
  block_hashes: spelledList(hash, { maxLength: 5 }),
  parent_block_hash: orNil(hash),
  token_ids: tokens,
  block_size: spelledInt(u32),
  lora_id: orNil(spelledInt(fc.oneof(u32, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })))),
  medium: name([...MEDIA, "NETWORK", "REMOTE", "SHARED", "FS", "OBJ", "gpu"]),
  lora_name: orNil(spelledText(fc.oneof(anyText, fc.constant("adapter"), hex64))),
  cache_salt: orNil(spelledText(anyText)),
  extra_keys: orNil(extraKeys),
  block_mm_infos: orNil(mmInfos),
  group_idx: orNil(spelledInt(u32)),
  kv_cache_spec_kind: name(KINDS),
  kv_cache_spec_sliding_window: orNil(spelledInt(u32)),
  locality: name(["LOCAL", "REMOTE", "local"]),
  ownership: name(["kvcr", "framework"]),
};
const ALWAYS = ["block_hashes", "token_ids", "block_size"];
const TAGS = ["BlockStored", "BlockStored", "BlockStored", "BlockRemoved", "AllBlocksCleared", "Ignored"];

/** A record of a value for each field, which an event then takes what it has place for from. */
const allFields: fc.Arbitrary<Record<string, Spelled>> = fc.record(FIELDS);

const isKnown = ([key]: readonly [Spelled, Spelled]): boolean => key.type === "text" && Object.hasOwn(FIELDS, key.text);

/** `odd` is put in the place of some field's value, which may make the event one that must be refused. */
function mapEvent(odd: fc.Arbitrary<Spelled | null>): fc.Arbitrary<Spelled> {
  const present = fc.subarray(Object.keys(FIELDS).filter((field) => !ALWAYS.includes(field)));
  const unknown = fc.array(fc.tuple(spelledText(fc.string({ maxLength: 14 })), anything), { maxLength: 2 });
  return fc
    .tuple(fc.constantFrom(...TAGS), allFields, present, unknown, odd, fc.nat(), fc.boolean(), form)
    .chain(([tag, values, optional, strange, oddValue, oddPlace, isUsual, chosen]) => {
      const names = [...ALWAYS, ...optional];
      if (oddValue !== null) values[names[oddPlace % names.length] as string] = oddValue;
      const known = names.map((field): readonly [Spelled, Spelled] => [text(field), values[field] as Spelled]);
      const entries = [[text("type"), text(tag)] as const, ...known, ...strange.filter((each) => !isKnown(each))];
      const clean = entries.filter(([key]) => !isPrototype(key));
      const inOrder = isUsual ? fc.constant(clean) : fc.shuffledSubarray(clean, { minLength: clean.length });
      return inOrder.map((ordered) => map(ordered, chosen));
    });
}

const TAIL = ["group_idx", "kv_cache_spec_kind", "kv_cache_spec_sliding_window", "locality", "ownership"];
const tail: fc.Arbitrary<readonly Spelled[]> = fc.oneof(
  { weight: 2, arbitrary: allFields.map((values) => TAIL.map((field) => values[field] as Spelled)) },
  fc.array(fc.oneof(spelledInt(u32), name(KINDS), mmInfos, anything), { maxLength: 7 }),
);
const PLACES: Readonly<Record<string, readonly string[]>> = {
  BlockStored: [...ALWAYS.slice(0, 1), "parent_block_hash", "token_ids", "block_size"],
  BlockRemoved: ["block_hashes"],
};
const LATER_PLACES: Readonly<Record<string, readonly string[]>> = {
  BlockStored: ["lora_id", "medium", "lora_name", "extra_keys"],
  BlockRemoved: ["medium"],
  AllBlocksCleared: ["ownership"],
};

function arrayEvent(odd: fc.Arbitrary<Spelled | null>): fc.Arbitrary<Spelled> {
  const saltMap = fc.tuple(orNil(spelledText(anyText)), anything).map(([salt, other]) =>
    map([
      [text("other"), other],
      [text("cache_salt"), salt],
    ]),
  );
  return fc
    .tuple(fc.constantFrom(...TAGS), allFields, fc.option(saltMap, { freq: 4 }), tail, fc.nat(12), odd, fc.nat(), form)
    .map(([tag, values, seventh, last, missing, oddValue, oddPlace, chosen]) => {
      if (seventh !== null) values["lora_name"] = seventh;
      const needed = PLACES[tag] ?? [];
      const later = LATER_PLACES[tag] ?? [];
      const given = [...needed, ...later].map((field) => values[field] as Spelled);
      const items = [text(tag), ...given, ...last];
      if (oddValue !== null && items.length > 1) items[1 + (oddPlace % (items.length - 1))] = oddValue;
      return list(items.slice(0, Math.max(1 + needed.length, items.length - missing)), chosen);
    });
}

function batchOf(events: fc.Arbitrary<Spelled>): fc.Arbitrary<Spelled> {
  const seconds: fc.Arbitrary<Spelled> = fc.oneof(
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .map((value): Spelled => ({ type: "float", value, single: false })),
    float,
    anyInt,
  );
  const rank = orNil(spelledInt(fc.nat({ max: 1023 })));
  return fc
    .tuple(seconds, fc.array(events, { maxLength: 6 }), rank, form, fc.nat({ max: 3 }))
    .map(([ts, each, number, chosen, repeats]) => {
      // Publishers repeat themselves, and readers make use of that.
      const all = each.flatMap((event) => Array.from({ length: 1 + (repeats % 3) }, () => event));
      return list([ts, list(all, chosen), number], chosen);
    });
}

const none = fc.constant(null);
/** Batches that every reader must take. */
export const goodBatch: fc.Arbitrary<Spelled> = batchOf(fc.oneof(mapEvent(none), arrayEvent(none)));
/** Batches of events in which one value is anything. */
export const oddBatch: fc.Arbitrary<Spelled> = fc
  .oneof(mapEvent(anything), arrayEvent(anything))
  .map((event) => list([int(1), list([event]), NIL]));
