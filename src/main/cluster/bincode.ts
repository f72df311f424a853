/**
 * The integers of bincode 2 in its standard configuration, of which the metadata of the handshake consists. MAIN THREAD; pure.
 *
 *   0 … 250    the byte itself
 *   fb u16     fc u32     fd u64       little-endian
 *
 * A struct is its fields, one behind the other, without anything around them. A reader takes longer forms than needed and
 * leaves what stands behind the last field alone, as bincode does: a later version may have added fields.
 */
import { ClusterPayloadError } from "./cluster-error.ts";

const U16 = 0xfb;
const U32 = 0xfc;
const U64 = 0xfd;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;

/** The fields of a struct, each an unsigned integer of at most 64 bits. Throws RangeError for any other. */
export function encodeVarints(values: readonly bigint[]): Buffer {
  const bytes = Buffer.allocUnsafe(9 * values.length);
  let length = 0;
  for (const value of values) {
    if (value < 0n || value > MAX_U64) throw new RangeError(`${value} is no unsigned integer of 64 bits`);
    if (value < U16) {
      length = bytes.writeUInt8(Number(value), length);
    } else if (value <= 0xffffn) {
      length = bytes.writeUInt8(U16, length);
      length = bytes.writeUInt16LE(Number(value), length);
    } else if (value <= 0xffff_ffffn) {
      length = bytes.writeUInt8(U32, length);
      length = bytes.writeUInt32LE(Number(value), length);
    } else {
      length = bytes.writeUInt8(U64, length);
      length = bytes.writeBigUInt64LE(value, length);
    }
  }
  return bytes.subarray(0, length);
}

/** The first `count` fields of a struct. Throws ClusterPayloadError when they are not there. */
export function decodeVarints(bytes: Buffer, count: number): bigint[] {
  const values: bigint[] = [];
  let at = 0;
  for (let field = 0; field < count; field++) {
    const head = at < bytes.length ? bytes.readUInt8(at) : null;
    const width = head === null ? 1 : head < U16 ? 0 : head === U16 ? 2 : head === U32 ? 4 : head === U64 ? 8 : null;
    if (head === null || width === null || at + 1 + width > bytes.length) {
      const what = width === null ? `byte ${at} begins no integer of 64 bits` : `field ${field + 1} is cut short`;
      throw new ClusterPayloadError(`a payload of ${bytes.length} bytes is no struct of ${count} integers: ${what}`);
    }
    at++;
    if (width === 0) values.push(BigInt(head));
    else if (width === 8) values.push(bytes.readBigUInt64LE(at));
    else values.push(BigInt(bytes.readUIntLE(at, width)));
    at += width;
  }
  return values;
}
