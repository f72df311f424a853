/**
 * `JSON.parse` for what others send. MAIN THREAD; pure.
 *
 * Size alone is no bound: eight megabytes of opening brackets hold V8's parser up for three seconds. So brackets are counted first,
 * which takes a hundredth of that.
 */

/** Far more than anything that is read here has. */
const MAX_LEVELS = 256;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACE = 0x20;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Throws SyntaxError for what is no JSON, and for what nests deeper than 256 levels. */
export function parseBoundedJson(text: string): unknown {
  if (isDeeper(text, MAX_LEVELS)) throw new SyntaxError(`it nests deeper than ${MAX_LEVELS} levels`);
  return JSON.parse(text);
}

function isDeeper(text: string, levels: number): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      for (i++; i < text.length && text.charCodeAt(i) !== QUOTE; i++) if (text.charCodeAt(i) === BACKSLASH) i++;
    } else if (code === OPEN_BRACKET || code === OPEN_BRACKET + BRACE) {
      if (++depth > levels) return true;
    } else if (code === CLOSE_BRACKET || code === CLOSE_BRACKET + BRACE) depth--;
  }
  return false;
}
