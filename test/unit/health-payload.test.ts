/** The payload of a health check is what Dynamo's own classes make, case by case as they were recorded. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { disaggregationModeOf } from "../../src/main/component-metrics/worker-traits.ts";
import {
  bosTokenIdOr,
  HealthCheckPayload,
  isProbe,
  loadHealthCheckFromEnv,
  parseHealthCheckPayload,
  TrtllmHealthCheckPayload,
} from "../../src/main/lib.ts";

const folder = mkdtempSync(path.join(tmpdir(), "kvcast-payload-"));
after(() => rmSync(folder, { recursive: true }));

interface GoldenCase {
  readonly name: string;
  readonly tokenizer: string;
  readonly disaggregation_mode: string;
  readonly env_DYN_HEALTH_CHECK_PAYLOAD: string | null;
  readonly file_content?: string;
  readonly payload: unknown;
  readonly logs: readonly (readonly [level: string, text: string])[];
}

const golden = JSON.parse(
  readFileSync(path.join(process.cwd(), "test/fixtures/dynamo/golden_health_payload.json"), "utf8"),
) as { readonly cases: readonly GoldenCase[] };

/** Their parser says where the text breaks; ours does not, because an error of V8 quotes the text. */
const JSON_WORDS = "it is not valid JSON";
const OTHER_LOGS: Readonly<Record<string, string>> = {
  env_file_bad: JSON_WORDS,
  env_bad_json: JSON_WORDS,
};

/** The objects that the recording describes in words. */
const TOKENIZERS: Readonly<Record<string, unknown>> = {
  null: null,
  "{tokenizer:{bos_token_id:128000}}": { tokenizer: { bos_token_id: 128_000 } },
  '{tokenizer:{bos_token_id:"5"}}': { tokenizer: { bos_token_id: "5" } },
  '{tokenizer:{bos_token_id:"x"}}': { tokenizer: { bos_token_id: "x" } },
  "{tokenizer:{bos_token_id:null}}": { tokenizer: { bos_token_id: null } },
  "{tokenizer:{bos_token_id:0}}": { tokenizer: { bos_token_id: 0 } },
  "{bos_token_id:7}": { bos_token_id: 7 },
  "tokenizer property raises": {
    get tokenizer(): unknown {
      throw new Error("boom");
    },
  },
};

class PayloadLogLines {
  readonly lines: [string, string][] = [];
  debug = (msg: string): void => void this.lines.push(["DEBUG", msg]);
  info = (msg: string): void => void this.lines.push(["INFO", msg]);
  warn = (msg: string): void => void this.lines.push(["WARNING", msg]);
}

/** The variable of a case; a file that the recording names is written into a directory of our own. */
function variableOf({ env_DYN_HEALTH_CHECK_PAYLOAD: text, file_content: content }: GoldenCase): string | null {
  if (text === null || content === undefined) return text;
  const file = path.join(folder, text.slice(1));
  writeFileSync(file, content);
  return `@${file}`;
}

test("there are as many cases as were recorded", () => assert.equal(golden.cases.length, 22));

for (const each of golden.cases) {
  test(`golden: ${each.name}`, () => {
    assert.ok(each.tokenizer in TOKENIZERS, each.tokenizer);
    const mode = disaggregationModeOf(each.disaggregation_mode);
    assert.ok(mode !== null);
    const log = new PayloadLogLines();
    const variable = variableOf(each);
    const payload = new TrtllmHealthCheckPayload({
      tokenizer: TOKENIZERS[each.tokenizer],
      disaggregationMode: mode,
      env: variable === null ? {} : { DYN_HEALTH_CHECK_PAYLOAD: variable },
      log,
    });
    const made = payload.toDict();
    // As text: the order of the fields is part of it.
    assert.equal(JSON.stringify(made), JSON.stringify(each.payload));
    assert.equal(payload.toDict(), made, "made once");
    const other = OTHER_LOGS[each.name];
    const expected = each.logs.map(([level, text]) => [
      level,
      other === undefined ? text : text.replace(/(?<=DYN_HEALTH_CHECK_PAYLOAD: ).*/, other),
    ]);
    assert.deepEqual(log.lines, expected);
  });
}

test("the form of January 2026 has no priority, no marker and no half requests, but a beam", () => {
  const env = {};
  for (const disaggregationMode of ["prefill_and_decode", "prefill", "decode", "encode"] as const) {
    const made = new TrtllmHealthCheckPayload({ form: "2026-01", disaggregationMode, env }).toDict();
    assert.deepEqual(Object.keys(made), ["token_ids", "stop_conditions", "sampling_options"]);
    assert.equal((made["sampling_options"] as { beam_width?: unknown }).beam_width, 1);
  }
  const overridden = new TrtllmHealthCheckPayload({
    form: "2026-01",
    env: { DYN_HEALTH_CHECK_PAYLOAD: '{"token_ids":[9]}' },
  });
  assert.deepEqual(overridden.toDict(), { token_ids: [9] });
});

test("where no half is served, the user's own disaggregated_params stay", () => {
  const env = { DYN_HEALTH_CHECK_PAYLOAD: '{"disaggregated_params":{"request_type":"context_only"}}' };
  for (const [mode, type] of [
    ["prefill_and_decode", "context_only"],
    ["encode", "context_only"],
    ["decode", "context_and_generation"],
  ] as const) {
    const made = new TrtllmHealthCheckPayload({ disaggregationMode: mode, env }).toDict();
    assert.deepEqual(made["disaggregated_params"], { request_type: type }, mode);
  }
});

test("the base class wants a default payload, and lets the environment replace it as a whole", () => {
  for (const nothing of [null, undefined]) {
    assert.throws(() => new HealthCheckPayload(nothing, { env: {} }), { code: "KVCAST_HEALTH_PAYLOAD" });
  }
  const usual = { a: 1 };
  assert.equal(new HealthCheckPayload(usual, { env: {} }).toDict(), usual);
  const env = { DYN_HEALTH_CHECK_PAYLOAD: '{"b":2}' };
  assert.deepEqual(new HealthCheckPayload(usual, { env }).toDict(), { b: 2 });
});

test("a file that is no UTF-8 is an error that nobody catches, as in the reference", () => {
  const file = path.join(folder, "latin1.json");
  writeFileSync(file, Buffer.from([0x7b, 0x22, 0xe9, 0x22, 0x7d]));
  assert.throws(() => loadHealthCheckFromEnv("X", { X: `@${file}` }), TypeError);
});

test("what is no object is told by its Python type, and the text is never in the log", () => {
  for (const [text, type] of [
    ['"secret"', "str"],
    ["7", "int"],
    ["7.5", "float"],
    ["true", "bool"],
    ["null", "NoneType"],
    ["[]", "list"],
  ] as const) {
    const log = new PayloadLogLines();
    assert.equal(loadHealthCheckFromEnv("X", { X: text }, log), null);
    assert.deepEqual(log.lines, [["WARNING", `X must be a JSON object (dict). Got: ${type}`]]);
  }
  const log = new PayloadLogLines();
  assert.equal(loadHealthCheckFromEnv("X", { X: '{"secret": 12345' }, log), null);
  assert.doesNotMatch(log.lines.join(" "), /secret|12345/);
});

test("the other helpers: a probe is marked with true and nothing else, an argument gets its mark", () => {
  assert.equal(isProbe({ _HEALTH_CHECK: true }), true);
  for (const other of [{ _HEALTH_CHECK: 1 }, { _HEALTH_CHECK: "true" }, {}, [], null, "x"]) {
    assert.equal(isProbe(other), false);
  }
  assert.deepEqual(parseHealthCheckPayload("{}"), { _HEALTH_CHECK: true });
  assert.deepEqual(parseHealthCheckPayload('{"_HEALTH_CHECK":false,"a":1}'), { _HEALTH_CHECK: true, a: 1 });
  assert.equal(parseHealthCheckPayload("[1]"), null);
  assert.equal(parseHealthCheckPayload("@/nonexistent"), null);
  assert.equal(bosTokenIdOr({ bos_token_id: 7, tokenizer: { bos_token_id: 8 } }), 7);
  assert.equal(bosTokenIdOr({ tokenizer: { bos_token_id: "8" } }), 8);
  assert.equal(bosTokenIdOr(TOKENIZERS["tokenizer property raises"]), 1);
  assert.equal(bosTokenIdOr(null, 3), 3);
});
