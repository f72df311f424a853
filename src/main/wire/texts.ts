/** Texts of a payload that are kept: adapters' names, salts. MAIN THREAD. */
import { isUtf8 } from "node:buffer";
import type { MsgpackCursor } from "./msgpack-cursor.ts";

/** Longer names and salts are none. */
export const MAX_TEXT_BYTES: number = 1 << 16;

/** Whether the text that the cursor took last is one to keep. */
export function isGoodText(cursor: MsgpackCursor, length: number): boolean {
  if (length > MAX_TEXT_BYTES) return false;
  const { bytes, textAt: start } = cursor;
  const end = start + length;
  for (let i = start; i < end; i++) if ((bytes[i] as number) > 0x7f) return isUtf8(bytes.subarray(start, end));
  return true;
}

/** The text itself. */
export function textAt({ bytes }: MsgpackCursor, at: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString("utf8");
}

/** Whether two places of the payload hold the same bytes. */
export function isSameText({ bytes }: MsgpackCursor, one: number, other: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[one + i] !== bytes[other + i]) return false;
  return true;
}
