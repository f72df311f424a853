import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { createLogger, type LogFields, type Logger, LOG_LEVELS, type LogOptions } from "../../src/main/log.ts";
import { formatTextLine } from "../../src/main/log-text.ts";

function setUp(options: Partial<LogOptions> = {}): { log: Logger; lines: string[]; clock: { ms: number } } {
  const lines: string[] = [];
  const clock = { ms: 5000 };
  const log = createLogger({
    level: "info",
    format: "json",
    stream: { write: (line) => lines.push(line) },
    now: () => clock.ms,
    ...options,
  });
  return { log, lines, clock };
}

void test("a JSON line is one object with time, level, message and fields", () => {
  const { log, lines } = setUp();
  const before = Date.now();
  log.warn('poll "failed"\n100 % %s', { engine: "engine0", status: 503, again: true, since: null });
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^[^\n]*\n$/u);
  const { time, ...rest }: Record<string, unknown> = JSON.parse(lines[0] ?? "");
  assert.deepEqual(rest, {
    level: "warn",
    msg: 'poll "failed"\n100 % %s',
    engine: "engine0",
    status: 503,
    again: true,
    since: null,
  });
  const at = Date.parse(String(time));
  assert.equal(new Date(at).toISOString(), time);
  assert.ok(at >= before && at <= Date.now());
});

void test("lines below the level are neither written nor counted", () => {
  const { log, lines } = setUp({ level: "warn" });
  for (const level of LOG_LEVELS) log[level]("x");
  assert.equal(lines.length, 2);
  assert.deepEqual(log.counts, { trace: 0, debug: 0, info: 0, warn: 1, error: 1 });
});

void test("a field cannot replace what the logger writes", () => {
  const { log, lines } = setUp();
  log.info("real", { level: "fake", time: 1, msg: "fake" });
  assert.equal(lines[0]?.match(/"msg":/gu)?.length, 1);
  const line: Record<string, unknown> = JSON.parse(lines[0] ?? "");
  assert.equal(line["msg"], "real");
  assert.equal(line["level"], "info");
  assert.equal(line["msg_"], "fake");
});

void test("objects and long texts do not get into the log", () => {
  const { log, lines } = setUp();
  const fields: unknown = { tokens: [101, 102, 103], block: { token_ids: [104] }, big: 105n, f: () => 106 };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a careless cast would do
  log.info("x", fields as LogFields);
  log.info("y".repeat(5000), { text: "z".repeat(5000) });
  assert.doesNotMatch(lines[0] ?? "", /10[1-6]/u);
  assert.match(lines[0] ?? "", /"tokens":"\[object\]"/u);
  assert.ok((lines[1]?.length ?? 0) < 4300);
});

void test("limited: one line per key and interval, with the number held back", () => {
  const { log, lines, clock } = setUp();
  const say = (key: string): void => log.limited(key).warn("again", { key });
  say("a");
  clock.ms += 9_999;
  say("a");
  say("a");
  say("b");
  clock.ms += 1;
  say("a");
  say("a");
  clock.ms += 10_000;
  log.limited("a").error("other level, same key");
  const seen = lines
    .map((line): unknown => JSON.parse(line))
    .map((line) => JSON.stringify(line).replace(/"time":"[^"]*",/u, ""));
  assert.deepEqual(seen, [
    '{"level":"warn","key":"a","msg":"again"}',
    '{"level":"warn","key":"b","msg":"again"}',
    '{"level":"warn","key":"a","suppressed":2,"msg":"again"}',
    '{"level":"error","suppressed":1,"msg":"other level, same key"}',
  ]);
  assert.deepEqual(log.counts, { trace: 0, debug: 0, info: 0, warn: 3, error: 1 });
});

void test("limited: an interval of its own, and lines below the level change nothing", () => {
  const { log, lines, clock } = setUp();
  log.limited("a", 100).debug("not written");
  log.limited("a", 100).info("1");
  clock.ms += 100;
  log.limited("a", 100).info("2");
  assert.equal(lines.length, 2);
  assert.doesNotMatch(lines[1] ?? "", /suppressed/u);
});

void test("text lines are for people", () => {
  const { log, lines } = setUp({ format: "text" });
  log.info("listening", { url: "http://127.0.0.1:8081", note: 'two "words"', n: 1.5, ok: true, none: null, empty: "" });
  assert.match(
    lines[0] ?? "",
    /^\d\d:\d\d:\d\d\.\d{3} INFO {2}listening url=http:\/\/127\.0\.0\.1:8081 note="two \\"words\\"" n=1\.5 ok=true none=null empty=""\n$/u,
  );
});

void test("text lines show local time and stay one line without terminal codes", () => {
  const at = new Date(2026, 0, 2, 3, 4, 5, 6);
  assert.equal(
    formatTextLine(at, "error", "a\nb\u001B[31m", [["k", "x\r\n\u009B\u2028"]], false),
    String.raw`03:04:05.006 ERROR a\nb\u001b[31m k="x\u000d\n\u009b\u2028"` + "\n",
  );
});

void test("colours only when asked for, and never from the message", () => {
  const { log, lines } = setUp({ format: "text", colour: true });
  log.warn("\u001B[0mx", { a: 1 });
  assert.ok(lines[0]?.includes("\u001B[33mWARN \u001B[0m \\u001b[0mx"), lines[0]);
  const plain = setUp({ format: "text" });
  plain.log.warn("x");
  assert.ok(!plain.lines[0]?.includes("\u001B"));
});

void test("the default stream is standard error, synchronous and harmless when it is closed", () => {
  const module = JSON.stringify(new URL("../../src/main/log.js", import.meta.url).href);
  const run = (script: string) =>
    spawnSync(process.execPath, ["--input-type=module", "-e", `import { createLogger } from ${module}; ${script}`], {
      encoding: "utf8",
    });
  const last = run(`createLogger({ level: "info", format: "text" }).info("last words"); process.abort();`);
  assert.match(last.stderr, /INFO {2}last words\n/u);
  assert.equal(last.stdout, "");
  const closed = run(
    `import { closeSync } from "node:fs"; closeSync(2);
     createLogger({ level: "info", format: "json" }).info("nobody hears"); process.exit(7);`,
  );
  assert.equal(closed.status, 7);
});
