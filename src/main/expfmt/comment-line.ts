/** HELP and TYPE lines. ANY THREAD. */
import { isUtf8 } from "node:buffer";
import { type FamilyType, familyType } from "./family.ts";
import { MAX_HELP_BYTES, MAX_NAME_BYTES, type Refusal } from "./refusal.ts";

export type Description =
  | { readonly kind: "HELP"; readonly name: string; readonly text: string }
  | { readonly kind: "TYPE"; readonly name: string; readonly type: FamilyType };

const LINE = /^[ \t]*#[ \t]+(HELP|TYPE)[ \t]+(.*)$/s;
const NAMED = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:[ \t]+(.*))?$/s;
// oxlint-disable-next-line no-control-regex -- these are the bytes that a reader may stumble over
const HELP_TEXT = /^(?:[^\\\u0000-\u0008\u000a-\u001f]|\\[\\n])*$/;

/** Null for any other comment; bytes of one line, `#` first. */
export function readComment(bytes: Buffer): Description | Refusal | null {
  const match = LINE.exec(bytes.toString("latin1"));
  if (match === null) return null;
  const [, kind = "", said = ""] = match;
  const named = NAMED.exec(said);
  if (named === null) return "syntax";
  const [, name = "", rest = ""] = named;
  if (name.length > MAX_NAME_BYTES) return "too_long";
  if (kind === "TYPE") {
    const type = familyType(rest.trimEnd());
    return type === undefined ? "syntax" : { kind, name, type };
  }
  if (rest.length > MAX_HELP_BYTES) return "too_long";
  const text = Buffer.from(rest, "latin1");
  if (!isUtf8(text)) return "utf8";
  return HELP_TEXT.test(rest) ? { kind: "HELP", name, text: text.toString() } : "syntax";
}
