/** What the normaliser notices, as log lines: one per kind in ten seconds, flat fields in the log's own spelling. */
import assert from "node:assert/strict";
import test from "node:test";
import { createLogger } from "../../src/main/log.ts";
import type { Notice } from "../../src/main/normalise/notice.ts";
import { noticeLog } from "../../src/main/notice-log.ts";

function logged(
  notices: readonly Notice[],
  nowMs: readonly number[] = [],
  engines: readonly string[] = ["engine7"],
): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  let i = 0;
  const log = createLogger({
    level: "debug",
    format: "json",
    stream: { write: (line: string) => lines.push(JSON.parse(line)) },
    now: () => nowMs[i] ?? 0,
  });
  const listeners = engines.map((engine) => noticeLog(log, engine));
  for (const notice of notices) {
    for (const listener of listeners) listener(notice);
    i++;
  }
  return lines;
}

test("a notice is a line with the engine, the rank and the numbers", () => {
  const [line] = logged([{ code: "id_gap", rank: 2, eventId: 9, expected: 5, got: 9, missing: 4 }]);
  assert.ok(line);
  const { time, level, msg, ...fields } = line;
  assert.ok(typeof time === "string" && typeof msg === "string");
  assert.equal(level, "warn");
  assert.deepEqual(fields, { engine: "engine7", rank: 2, event_id: 9, expected: 5, got: 9, missing: 4 });
});

test("every kind has a text of its own", () => {
  const at = { rank: 0, eventId: null };
  const lines = logged([
    { ...at, code: "restart", last: 3 },
    { ...at, code: "out_of_order", last: 3 },
    { ...at, code: "duplicate" },
    { ...at, code: "salt_conflict" },
    { ...at, code: "block_too_large", tokens: 40, blockSize: 32 },
    { ...at, code: "mm_key", reason: "invalid digest encoding" },
    { ...at, code: "window_adopted", windowSize: 128 },
    { ...at, code: "unknown_rank" },
    { ...at, code: "rank_left_out" },
    { ...at, code: "invalid", reason: "missing_field" },
  ]);
  assert.equal(new Set(lines.map((line) => line["msg"])).size, 10);
  assert.equal(lines[4]?.["block_size"], 32);
  assert.equal(lines[6]?.["window_size"], 128);
});

test("a flood of one kind is a line every ten seconds, which says how many it stands for", () => {
  const notice: Notice = { code: "invalid", reason: "bad_type", rank: 0, eventId: 1 };
  const lines = logged([notice, notice, notice, notice], [0, 1, 9999, 10_000]);
  assert.deepEqual(
    lines.map((line) => line["suppressed"]),
    [undefined, 2],
  );
});

test("one engine's flood does not silence another", () => {
  const notice: Notice = { code: "invalid", reason: "bad_type", rank: 0, eventId: 1 };
  const lines = logged([notice, notice], [], ["a", "b"]);
  assert.deepEqual(
    lines.map((line) => line["engine"]),
    ["a", "b"],
  );
});
