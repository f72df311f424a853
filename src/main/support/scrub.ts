/**
 * Takes out of a text what must not leave the machine, should it be in it: a second look at texts that are made without secrets,
 * and the only one at a log that somebody hands in. Pure.
 */
import { MASK, withoutUserinfo } from "../../shared/secret.ts";

/** Shorter ones would be found inside of words, and are no secrets worth the name. */
const MIN_SECRET_CHARS = 4;
const PATTERNS: readonly RegExp[] = [
  /(authorization["']?\s*[:=]\s*["']?)[^\n"']+/gi,
  /((?:password|passwd|secret|api[-_]?key|bearer|cache_?salt)["']?\s*[:= ]\s*["']?)[^\s"',;}]+/gi,
];
/** Seeds of nkeys, tokens of the JWT kind, private keys. */
const SHAPES: readonly RegExp[] = [
  /\bS[UAOCNX][A-Z2-7]{56}\b/g,
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
];
/** Long runs of numbers, in brackets or out of them: what a list of token ids looks like, wherever it comes from. */
const NUMBER_LIST = /\[\s*\d+(?:\s*,\s*\d+){3,}[^\]\n]{0,100000}\]?/g;

/** `secrets`: values that are known to be some. The text stays what it is, JSON for example. */
export function scrubbed(text: string, secrets: readonly string[]): string {
  let safe = text;
  const longestFirst = secrets
    .filter(({ length }) => length >= MIN_SECRET_CHARS)
    .toSorted((a, b) => b.length - a.length);
  for (const secret of longestFirst) safe = safe.replaceAll(secret, MASK);
  for (const shape of SHAPES) safe = safe.replace(shape, MASK);
  return withoutUserinfo(safe);
}

/** The same of a log that may be another program's too: also what is called a secret in it, and lists of numbers. */
export function scrubbedLog(text: string, secrets: readonly string[]): string {
  let safe = scrubbed(text, secrets);
  for (const pattern of PATTERNS) safe = safe.replace(pattern, `$1${MASK}`);
  return safe.replace(NUMBER_LIST, "[…]");
}
