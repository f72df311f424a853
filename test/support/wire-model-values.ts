/** Values of decoded batches, as the second reader in `wire-model.ts` judges them. */

export type Fields = Readonly<Record<string, unknown>>;

/** Thrown for what must be refused. */
export class ModelRefusal extends Error {}

export function need(holds: boolean, what: string): asserts holds {
  if (!holds) throw new ModelRefusal(what);
}

export interface ExtraKeys {
  readonly mm: readonly (readonly bigint[])[];
  readonly salt: string | null;
  readonly hasUnknown: boolean;
}

const PREFIX = "dynamo-cache-salt:";
const isHex64 = (value: string): boolean => /^[0-9a-f]{64}$/iu.test(value);
const hexHash = (value: string): bigint => BigInt(`0x${value.slice(0, 16)}`);

export function extraKeysOf(value: unknown, loraName: string | null): ExtraKeys {
  if (value === null || value === undefined) return { mm: [], salt: null, hasUnknown: false };
  need(Array.isArray(value), "extra_keys");
  let salt: string | null = null;
  let hasUnknown = false;
  const mm = value.map((keys: unknown, block) => {
    const hashes: bigint[] = [];
    if (keys === null) return hashes;
    need(Array.isArray(keys), "extra_keys");
    let named = loraName;
    for (const key of keys as readonly unknown[]) {
      if (Array.isArray(key)) {
        need(key.length === 2 && typeof key[0] === "string" && isInt(key[1]), "extra_keys");
        if (isHex64(key[0])) hashes.push(hexHash(key[0]));
        else hasUnknown = true;
      } else if (typeof key !== "string") {
        need(typeof key === "boolean" || typeof key === "number" || isInt(key) || key instanceof Uint8Array, "key");
        hasUnknown = true;
      } else if (loraName !== "" && key === named) {
        // In the first block the name is expected once; a salt may be equal to it.
        if (block === 0) named = null;
      } else if (key.startsWith(PREFIX)) {
        if (block === 0 && salt === null && key !== PREFIX) salt = key.slice(PREFIX.length);
      } else if (loraName === "" || key !== loraName) {
        if (isHex64(key)) hashes.push(hexHash(key));
        else hasUnknown = true;
      }
    }
    return hashes;
  });
  return { mm, salt, hasUnknown };
}

export function isMmList(value: unknown): value is readonly unknown[] {
  return (
    Array.isArray(value) &&
    value.every((entry) => {
      if (entry === null) return true;
      if (!isMap(entry) || !Array.isArray(entry["mm_objects"])) return false;
      return entry["mm_objects"].every((object: unknown) => isMap(object) && isUnsigned(object["mm_hash"]));
    })
  );
}

export function mmHashesOf(entry: unknown): bigint[] {
  if (!isMap(entry)) return [];
  return (entry["mm_objects"] as readonly Fields[]).map((object) => BigInt(object["mm_hash"] as number | bigint));
}

export function hashList(value: unknown): bigint[] {
  need(Array.isArray(value), "block_hashes");
  return value.map(hashOf);
}

export function hashOf(value: unknown): bigint {
  need(isInt(value), "hash");
  return BigInt.asUintN(64, BigInt(value));
}

export function tokensOf(value: unknown, isEagle: boolean): number[] {
  need(Array.isArray(value), "token_ids");
  if (!isEagle) return value.map(u32);
  const pairs = value.map((pair: unknown) => {
    need(Array.isArray(pair) && pair.length === 2, "pair");
    return pair.map(u32);
  });
  return [...pairs.map(([first]) => first as number), pairs.at(-1)?.[1] as number];
}

export function isInt(value: unknown): value is number | bigint {
  return typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
}

export function isUnsigned(value: unknown): boolean {
  return isInt(value) && value >= 0;
}

export function isU32(value: unknown): boolean {
  return isInt(value) && value >= 0 && value < 2 ** 32;
}

export function u32(value: unknown): number {
  need(isU32(value), "u32");
  return Number(value);
}

export function countOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : u32(value);
}

export function textOrNull(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  need(typeof value === "string", "text");
  return value;
}

/** A map, and none of the objects that stand for bytes, times and extensions. */
export function isMap(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
