/** Answers that make no sense: each costs what it holds and no more, is counted by its reason, and tells nobody's secrets. */
import assert from "node:assert/strict";
import test from "node:test";
import { scrape } from "../support/books.ts";
import { CANARY, CORPUS, EVENTS_PER_ANSWER, type Garbage, MAX_ANSWER_BYTES } from "../support/fault/garbage.ts";
import { faultRun, probe } from "../support/fault/run.ts";
import { whole } from "../support/fault/oracle-engine.ts";
import { Dice } from "../support/fault/seed.ts";
import type { MetricsPage } from "../../src/main/flood/metrics-text.ts";
import type { LogRecord } from "../support/processes.ts";

const ROUNDS = 2;
const QUIET_MS = 10_000;

/** What makes two lines the same in the eyes of a reader. */
function kindOfLine(record: LogRecord): string {
  return JSON.stringify([record.msg, record["reason"], record["hint"]]);
}

function sumBy(
  list: readonly Garbage[],
  count: (one: Garbage) => readonly [string, number] | null,
): Map<string, number> {
  const sums = new Map<string, number>();
  for (const one of list) {
    const [key, amount] = count(one) ?? [];
    if (key !== undefined && amount !== undefined) sums.set(key, (sums.get(key) ?? 0) + amount);
  }
  return sums;
}

/**
 * What the runtime has open or has swept by the moment of a scrape is its own affair, and so are our requests and pages. Those of the component appear with the first thing that they count, which is in their nature.
 */
function isEngines(series: string): boolean {
  return !/^(?:nodejs_(?:active|gc)|trtllm|kvcast_http_requests|kvcast_metrics_collect)_/.test(series);
}

function seriesOf({ samples }: MetricsPage): string[] {
  return [...samples.keys()].filter(isEngines).toSorted();
}

test("each answer of the corpus, twice, among sound ones", async (t) => {
  const run = await faultRun(t, {
    ranks: 2,
    flags: `--model m --engine-max-response-bytes ${MAX_ANSWER_BYTES / 1024}KiB`,
  });
  const { engine, checker, service } = run;
  engine.emit(50);
  await probe(engine, checker);
  const before = await scrape(service.facts.url);
  const dice = new Dice(run.seed);
  const list = Array.from({ length: ROUNDS }, () => CORPUS.toSorted(() => (dice.chance(0.5) ? 1 : -1))).flat();
  for (const garbage of list) {
    engine.emit(EVENTS_PER_ANSWER);
    engine.replyNext(garbage.reply);
    await probe(engine, checker).catch((error: unknown) => {
      throw new Error(`after ${garbage.name}`, { cause: error });
    });
  }
  const stray = list.reduce((sum, garbage) => sum + (garbage.stray ?? 0), 0);
  const { page } = await run.settle({ strayInvalid: stray, atLeast: { delivered: 300, lost: 100 } });

  const told = (family: string): Record<string, number> =>
    Object.fromEntries(
      [...page.samples]
        .filter(([series, value]) => series.startsWith(`kvcast_${family}{`) && value > 0)
        .map(([series, value]) => [/reason="(\w+)"/u.exec(series)?.[1] ?? "", value]),
    );
  assert.deepEqual(
    told("source_errors_total"),
    Object.fromEntries(sumBy(list, ({ error }) => (error === null ? null : [error, 1]))),
  );
  assert.deepEqual(told("invalid_events_total"), Object.fromEntries(sumBy(list, ({ invalid }) => invalid ?? null)));

  // No series is born of what an engine says.
  assert.deepEqual(seriesOf(page), seriesOf(before));

  const times = new Map<string, number>();
  for (const record of service.logs.filter(({ level }) => level === "warn" || level === "error")) {
    const kind = kindOfLine(record);
    const at = Date.parse(String(record["time"]));
    assert.ok(at - (times.get(kind) ?? -Infinity) >= QUIET_MS - 100, `${kind} was logged twice within ten seconds`);
    times.set(kind, at);
  }
  assert.ok(times.size >= 8, "the log tells the kinds of failures apart");
  assert.ok(!service.text().includes(CANARY), "the log quotes nothing of what came");
  for (const path of ["/metrics", "/health"]) {
    const text = await (await fetch(`${service.facts.url}${path}`)).text();
    assert.ok(!text.includes(CANARY), `${path} quotes nothing of what came`);
  }
});

test("an engine that knows only the other verb, and changes its mind", async (t) => {
  const run = await faultRun(t);
  const { engine, checker, service } = run;
  for (let i = 0; i < 4; i++) {
    engine.emit(20);
    // The worst that such an engine can do: it empties its queue all the same.
    engine.replyNext((response, entries) => {
      for (const entry of entries) entry.fate = "gone";
      response.writeHead(405, { allow: "GET", "content-length": 0 }).end();
    });
    engine.replyNext(whole);
    await probe(engine, checker);
  }
  const { page } = await run.settle({ atLeast: { delivered: 4, lost: 60 } });
  assert.equal(page.sum("kvcast_source_errors_total"), 0);
  assert.equal(page.sum("kvcast_source_up"), 1);
  assert.equal(service.logs.filter(({ level }) => level === "error").length, 0);
});
