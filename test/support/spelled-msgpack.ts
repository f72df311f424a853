/**
 * Msgpack written as a test says, byte for byte: every value in any of the forms that msgpack has for it, keys that are no
 * texts or come twice, lists whose heads are longer than they need be. Encoders choose one form each; readers must take all.
 */

export type Spelled =
  | { readonly type: "nil" }
  | { readonly type: "bool"; readonly value: boolean }
  /** `form` picks one of the heads that hold the value; 0 is the shortest. */
  | { readonly type: "int"; readonly value: bigint; readonly form: number }
  | { readonly type: "float"; readonly value: number; readonly single: boolean }
  | { readonly type: "text"; readonly text: string; readonly form: number }
  | { readonly type: "bin"; readonly bytes: Uint8Array }
  | { readonly type: "ext"; readonly bytes: Uint8Array }
  | { readonly type: "list"; readonly items: readonly Spelled[]; readonly form: number }
  | { readonly type: "map"; readonly entries: readonly (readonly [Spelled, Spelled])[]; readonly form: number };

export const NIL: Spelled = { type: "nil" };
export const int = (value: bigint | number, form: number = 0): Spelled => ({ type: "int", value: BigInt(value), form });
export const text = (value: string, form: number = 0): Spelled => ({ type: "text", text: value, form });
export const list = (items: readonly Spelled[], form: number = 0): Spelled => ({ type: "list", items, form });
export const map = (entries: readonly (readonly [Spelled, Spelled])[], form: number = 0): Spelled => ({
  type: "map",
  entries,
  form,
});

export function bytesOf(value: Spelled): Buffer {
  switch (value.type) {
    case "nil":
      return Buffer.from([0xc0]);
    case "bool":
      return Buffer.from([value.value ? 0xc3 : 0xc2]);
    case "int":
      return oneOf(integerForms(value.value), value.form);
    case "float":
      return floatBytes(value.value, value.single);
    case "text": {
      const utf8 = Buffer.from(value.text, "utf8");
      return Buffer.concat([oneOf(heads(utf8.length, 0xa0, 31, [0xd9, 0xda, 0xdb], 0), value.form), utf8]);
    }
    case "bin":
      return Buffer.concat([oneOf(heads(value.bytes.length, 0, -1, [0xc4, 0xc5, 0xc6], 0), 0), value.bytes]);
    case "ext":
      return Buffer.concat([extensionHead(value.bytes.length), value.bytes]);
    case "list": {
      const head = oneOf(heads(value.items.length, 0x90, 15, [0xdc, 0xdd], 1), value.form);
      return Buffer.concat([head, ...value.items.map(bytesOf)]);
    }
    case "map": {
      const head = oneOf(heads(value.entries.length, 0x80, 15, [0xde, 0xdf], 1), value.form);
      return Buffer.concat([head, ...value.entries.flatMap(([key, each]) => [bytesOf(key), bytesOf(each)])]);
    }
  }
}

function oneOf(forms: readonly Buffer[], form: number): Buffer {
  const chosen = forms[form % forms.length];
  if (chosen === undefined) throw new RangeError("the value has no form");
  return chosen;
}

const INTEGER_HEADS = [
  { head: 0xcc, bytes: 1, signed: false },
  { head: 0xd0, bytes: 1, signed: true },
  { head: 0xcd, bytes: 2, signed: false },
  { head: 0xd1, bytes: 2, signed: true },
  { head: 0xce, bytes: 4, signed: false },
  { head: 0xd2, bytes: 4, signed: true },
  { head: 0xcf, bytes: 8, signed: false },
  { head: 0xd3, bytes: 8, signed: true },
];

function integerForms(value: bigint): Buffer[] {
  const forms: Buffer[] = [];
  if (value >= -32n && value <= 127n) forms.push(Buffer.from([Number(value) & 0xff]));
  for (const { head, bytes, signed } of INTEGER_HEADS) {
    const bits = BigInt(8 * bytes);
    const low = signed ? -(1n << (bits - 1n)) : 0n;
    if (value < low || value >= low + (1n << bits)) continue;
    const wide = Buffer.alloc(8);
    wide.writeBigUInt64BE(BigInt.asUintN(64, value));
    forms.push(Buffer.concat([Buffer.from([head]), wide.subarray(8 - bytes)]));
  }
  return forms;
}

function floatBytes(value: number, single: boolean): Buffer {
  const bytes = Buffer.alloc(single ? 5 : 9);
  bytes[0] = single ? 0xca : 0xcb;
  if (single) bytes.writeFloatBE(value, 1);
  else bytes.writeDoubleBE(value, 1);
  return bytes;
}

/** Heads with a length: the short one up to `maxShort`, and those with 1, 2 and 4 bytes behind them, from `first` on. */
function heads(length: number, short: number, maxShort: number, long: readonly number[], first: number): Buffer[] {
  const forms: Buffer[] = length <= maxShort ? [Buffer.from([short | length])] : [];
  for (const [i, head] of long.entries()) {
    const bytes = 1 << (i + first);
    if (length >= 2 ** (8 * bytes)) continue;
    const form = Buffer.alloc(1 + bytes);
    form[0] = head;
    form.writeUIntBE(length, 1, bytes);
    forms.push(form);
  }
  return forms;
}

const FIXED_EXTENSIONS: Readonly<Record<number, number>> = { 1: 0xd4, 2: 0xd5, 4: 0xd6, 8: 0xd7, 16: 0xd8 };

/** With an application's type, which decoders leave alone. */
function extensionHead(length: number): Buffer {
  const fixed = FIXED_EXTENSIONS[length];
  return fixed === undefined ? Buffer.from([0xc7, length, 42]) : Buffer.from([fixed, 42]);
}
