/** The wall clock jumps by an hour, both ways: only what is a time of day follows it. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { scrape } from "../support/books.ts";
import { lasting } from "../support/fault/deadline.ts";
import { faultRun } from "../support/fault/run.ts";
import { requireTool } from "../support/tools.ts";

const HOUR_S = 3600;
/** The library reads its file anew this often. */
const CACHE_S = 1;

/** Full path of libfaketime's variant for threads. */
function fakeTimeLibrary(): string {
  for (const folder of readdirSync("/usr/lib")) {
    try {
      const name = path.join("/usr/lib", folder, "faketime");
      if (readdirSync(name).includes("libfaketimeMT.so.1")) return path.join(name, "libfaketimeMT.so.1");
    } catch {
      // Not in this folder.
    }
  }
  throw new Error("faketime is installed without its library");
}

test("an hour forwards, two back, one forwards: events flow on, waits and durations stay what they are", async (t) => {
  if (requireTool(t, "faketime") === null) return;
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-clock-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "offset");
  const setOffset = (seconds: number): void => writeFileSync(file, `${seconds >= 0 ? "+" : ""}${seconds}\n`);
  setOffset(0);
  const run = await faultRun(t, {
    ranks: 2,
    process: {
      env: {
        LD_PRELOAD: fakeTimeLibrary(),
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
        FAKETIME_CACHE_DURATION: String(CACHE_S),
      },
    },
  });
  const { engine, checker, service } = run;
  const { url } = service.facts;
  // A few events now and then, as long as the test lasts: most polls are empty, so that it has to wait as well.
  const feed = setInterval(() => engine.emit(5), 20);
  t.after(() => clearInterval(feed));
  await checker.until("events flow", 15_000, () => checker.delivered >= 50);
  for (const offset of [HOUR_S, -HOUR_S, 0]) {
    setOffset(offset);
    // Longer than the wait between two polls and after a failure, before and after the library has noticed.
    const seen = (): boolean => Math.abs(checker.lastTimestampSeconds - (Date.now() / 1000 + offset)) < 60;
    const { delivered } = checker;
    await checker.until(`messages bear the new time, ${offset} s`, 15_000, seen);
    await checker.until("events flow on", 1000, () => checker.delivered > delivered + 5);
    assert.equal((await fetch(`${url}/health`)).status, 200);
    // Also without traffic, where nothing but its own waits drives it.
    const { drains } = engine;
    await lasting(300);
    assert.ok(engine.drains >= drains + 2, "it goes on polling");
    assert.ok(engine.drains <= drains + 200, "and not without pause");
  }
  clearInterval(feed);
  const startedMs = performance.now();
  const { uptime } = (await (await fetch(`${url}/health`)).json()) as { uptime: { secs: number } };
  assert.ok(uptime.secs < 60, `up for ${uptime.secs} s`);
  const { page } = await run.settle({ atLeast: { delivered: 200 } });
  for (const family of ["pipeline_latency_seconds", "source_poll_duration_seconds", "encode_duration_seconds"]) {
    const total = page.sum(`kvcast_${family}_sum`);
    assert.ok(total >= 0 && total < 60, `${family} adds up to ${total} s`);
  }
  assert.ok((await scrape(url)).sum("kvcast_source_poll_backoff_seconds") <= 0.1);
  service.child.kill("SIGTERM");
  assert.deepEqual(await service.exit, { code: 0, signal: null });
  assert.ok(performance.now() - startedMs < 10_000);
});
