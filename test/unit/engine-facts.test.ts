/** What an engine says of itself, in whatever spelling; and what is said when it contradicts the configuration. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { infoFacts } from "../../src/main/engine/engine-probe.ts";
import { SettingsCheck } from "../../src/main/engine/settings-check.ts";
import { RecordingLog } from "../support/recording-log.ts";

const NOTHING = {
  tokensPerBlock: null,
  hashAlgorithm: null,
  eventBufferCapacity: null,
  backend: null,
  modality: null,
  disaggregationMode: null,
};

test("settings on the top level, or among those of the cache", () => {
  const flat = {
    tokens_per_block: 64,
    kv_cache_hash_algo: "v2_sha256",
    event_buffer_max_size: 1024,
    backend: "_autodeploy",
    modality: "multimodal",
    disaggregation_mode: "pd",
  };
  assert.deepEqual(infoFacts(flat), {
    tokensPerBlock: 64,
    hashAlgorithm: "v2_sha256",
    eventBufferCapacity: 1024,
    backend: "_autodeploy",
    modality: "multimodal",
    disaggregationMode: "prefill_and_decode",
  });
  const nested = { kv_cache_config: { tokens_per_block: 32, hash_algo: "v1_block_key", event_buffer_max_size: 7 } };
  assert.deepEqual(infoFacts(nested), {
    ...NOTHING,
    tokensPerBlock: 32,
    hashAlgorithm: "v1_block_key",
    eventBufferCapacity: 7,
  });
});

test("what is no setting is as good as not said", () => {
  for (const value of [undefined, null, [], "x", 1, {}, { kv_cache_config: [] }])
    assert.deepEqual(infoFacts(value), NOTHING);
  const wrong = {
    tokens_per_block: 1e9,
    kv_cache_event_hash_algo: "a\nb",
    event_buffer_max_size: -1,
    backend: "tensorrt",
    modality: {},
    disaggregation_mode: "x".repeat(100),
  };
  assert.deepEqual(infoFacts(wrong), NOTHING);
});

test("a contradiction is said once for each value, and seen for as long as it lasts", () => {
  const log = new RecordingLog();
  const check = new SettingsCheck(32, log);
  assert.deepEqual([check.isWrong("tokens_per_block"), check.isWrong("hash_algorithm")], [null, null]);
  for (const tokens of [64, 64, 32, 64]) check.noteTokensPerBlock(tokens);
  check.noteHashAlgorithm("v2_sha256_64");
  assert.deepEqual([check.isWrong("tokens_per_block"), check.isWrong("hash_algorithm")], [true, false]);
  assert.deepEqual(
    log.lines.map(({ fields }) => fields["hint"]),
    ["--kv-block-size 64"],
  );
  check.noteTokensPerBlock(32);
  assert.equal(check.isWrong("tokens_per_block"), false);
  for (let i = 0; i < 100; i++) check.noteHashAlgorithm(`made_up_${i}`);
  assert.ok(log.lines.length <= 8, "an engine that says another thing each minute does not fill the log");
});
