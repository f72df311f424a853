/**
 * Which token begins a text, from the files of a model. MAIN THREAD, at start, only for the canary.
 *
 * The tokenizer's files come first, because that is what the engine's own tokenizer is made of:
 *
 *   tokenizer_config.json, else special_tokens_map.json ─► the token's text
 *   its number: tokenizer_config.json, added_tokens.json, tokenizer.json
 *   without a text, or a number for it: config.json, generation_config.json
 */
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { type Fields, objectOf } from "../../shared/json-object.ts";

/** A vocabulary of 260,000 tokens has some 35 MB. */
const MAX_FILE_BYTES: number = 256 * 1024 * 1024;
/** Largest token id that 32 bits can hold. */
const MAX_TOKEN_ID = 4_294_967_295;

/** Null when no file says so. Files that are missing, too long or no JSON say nothing. */
export async function bosTokenIdOfModel(folder: string): Promise<number | null> {
  const read = async (name: string): Promise<Fields> => objectOf(await jsonOf(path.join(folder, name)));
  const tokenizerConfig = await read("tokenizer_config.json");
  const text = textOf(tokenizerConfig["bos_token"]) ?? textOf((await read("special_tokens_map.json"))["bos_token"]);
  const id =
    text === null
      ? null
      : (idIn(tokenizerConfig["added_tokens_decoder"], text) ??
        idOf((await read("added_tokens.json"))[text]) ??
        idInTokenizer(await read("tokenizer.json"), text));
  if (id !== null) return id;
  const config = await read("config.json");
  return (
    idOf(config["bos_token_id"]) ??
    idOf(objectOf(config["text_config"])["bos_token_id"]) ??
    idOf((await read("generation_config.json"))["bos_token_id"])
  );
}

/** A list with the numbers as keys. */
function idIn(added: unknown, text: string): number | null {
  for (const [id, token] of Object.entries(objectOf(added))) {
    if (textOf(token) === text) return idOf(Number(id));
  }
  return null;
}

function idInTokenizer(tokenizer: Fields, text: string): number | null {
  const added = tokenizer["added_tokens"];
  if (Array.isArray(added)) {
    const token = added.map(objectOf).find(({ content }) => content === text);
    const id = idOf(token?.["id"]);
    if (id !== null) return id;
  }
  const { vocab } = objectOf(tokenizer["model"]);
  // A Unigram model has a list of pairs, the others have numbers by text.
  if (!Array.isArray(vocab)) return idOf(objectOf(vocab)[text]);
  const place = vocab.findIndex((entry: unknown) => Array.isArray(entry) && entry[0] === text);
  return place < 0 ? null : place;
}

/** A token is its text, or an object with the text in it. */
function textOf(token: unknown): string | null {
  if (typeof token === "string") return token;
  const { content } = objectOf(token);
  return typeof content === "string" ? content : null;
}

/** Some models name several; the first is the one that a text begins with. */
function idOf(value: unknown): number | null {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === "number" && Number.isInteger(first) && first >= 0 && first <= MAX_TOKEN_ID ? first : null;
}

async function jsonOf(file: string): Promise<unknown> {
  try {
    if ((await stat(file)).size > MAX_FILE_BYTES) return null;
    return JSON.parse(await readFile(file, "utf8"));
  } catch {
    return null;
  }
}
