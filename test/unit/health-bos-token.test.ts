/** Which token begins a text is read from the files that a model has, in the order in which a tokenizer would find it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { bosTokenIdOfModel } from "../../src/main/health/bos-token.ts";

const root = mkdtempSync(path.join(tmpdir(), "kvcast-model-"));
after(() => rmSync(root, { recursive: true }));

type Files = Readonly<Record<string, unknown>>;

async function found(files: Files): Promise<number | null> {
  const folder = mkdtempSync(path.join(root, "m-"));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(path.join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  return bosTokenIdOfModel(folder);
}

const CASES: readonly (readonly [name: string, files: Files, expected: number | null])[] = [
  [
    "Llama 3: the decoder of added tokens",
    {
      "tokenizer_config.json": {
        bos_token: "<|begin_of_text|>",
        added_tokens_decoder: { "128000": { content: "<|begin_of_text|>" }, "128001": { content: "<|end|>" } },
      },
      "config.json": { bos_token_id: 7 },
    },
    128_000,
  ],
  [
    "Llama 2: the token is an object, the number in tokenizer.json",
    {
      "tokenizer_config.json": { bos_token: { __type: "AddedToken", content: "<s>" } },
      "tokenizer.json": {
        added_tokens: [
          { id: 0, content: "<unk>" },
          { id: 1, content: "<s>" },
        ],
        model: { vocab: {} },
      },
    },
    1,
  ],
  [
    "only special_tokens_map.json names it, and the vocabulary has it",
    {
      "special_tokens_map.json": { bos_token: "<bos>" },
      "tokenizer.json": { model: { vocab: { "<bos>": 2, a: 3 } } },
    },
    2,
  ],
  [
    "a Unigram vocabulary is a list",
    {
      "tokenizer_config.json": { bos_token: "<s>" },
      "tokenizer.json": {
        added_tokens: [],
        model: {
          vocab: [
            ["<pad>", 0],
            ["<s>", -1.5],
          ],
        },
      },
    },
    1,
  ],
  [
    "added_tokens.json",
    { "tokenizer_config.json": { bos_token: "<s>" }, "added_tokens.json": { "<s>": 50_000 } },
    50_000,
  ],
  [
    "Qwen: the tokenizer has none, the model has",
    { "tokenizer_config.json": { bos_token: null }, "config.json": { bos_token_id: 151_643 } },
    151_643,
  ],
  ["a multimodal model's text part", { "config.json": { text_config: { bos_token_id: 5 } } }, 5],
  ["generation_config.json, a list", { "generation_config.json": { bos_token_id: [6, 7] } }, 6],
  ["0 is a token", { "config.json": { bos_token_id: 0 }, "generation_config.json": { bos_token_id: 9 } }, 0],
  ["a token whose number nobody knows", { "tokenizer_config.json": { bos_token: "<s>" } }, null],
  ["no files", {}, null],
  ["files that are none", { "config.json": "{", "tokenizer_config.json": "[]", "generation_config.json": "7" }, null],
  [
    "numbers that are none",
    { "config.json": { bos_token_id: -1 }, "generation_config.json": { bos_token_id: 1.5 } },
    null,
  ],
];

for (const [name, files, expected] of CASES) {
  test(name, async () => assert.equal(await found(files), expected));
}

test("a directory that is not there", async () => {
  assert.equal(await bosTokenIdOfModel(path.join(root, "absent")), null);
});
