/** A main thread that stands still: the watchdog counts it, and `/live` says so to the first probe that is answered again. */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { assertBooks, scrape } from "../support/books.ts";
import type { StallOrder } from "../support/stalling-service.ts";

const SERVICE = fileURLToPath(new URL("../support/stalling-service.js", import.meta.url));
const STALL_MS = 2500;

test("blocked for two and a half seconds: /live 503, then 200; one episode", async (t) => {
  const child = fork(SERVICE, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  t.after(() => child.kill("SIGKILL"));
  assert.ok(child.stderr);
  const errors = text(child.stderr);
  const ended = once(child, "exit").then(async ([code, signal]) => assert.fail(`${code} ${signal}: ${await errors}`));
  const [{ url }] = (await Promise.race([once(child, "message"), ended])) as [{ url: string }];
  const live = async (): Promise<{ status: number; body: Record<string, unknown> }> => {
    const response = await fetch(`${url}/live`);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  assert.deepEqual(await live(), { status: 200, body: { status: "live" } });

  const orderedMs = performance.now();
  const order: StallOrder = { stallMs: STALL_MS };
  child.send(order);
  await once(child, "message");
  const { status, body } = await live();
  assert.equal(status, 503);
  assert.equal(body["status"], "stalled");
  const seconds = Number(body["stalled_seconds"]);
  // Counted from its last sign of life, which was before the order.
  const mostSeconds = (performance.now() - orderedMs) / 1000 + 1;
  assert.ok(seconds > 1.5 && seconds < mostSeconds, `${seconds} s, at most ${mostSeconds}`);
  // The watchdog wants to see main well for a moment.
  while ((await live()).status === 503);
  const page = await scrape(url);
  assertBooks(page, false);
  assert.equal(page.sum("kvcast_main_stalls_total"), 1);
  assert.equal(page.sum("kvcast_main_stalled"), 0);
  assert.ok(page.sum("kvcast_main_longest_stall_seconds") >= seconds);

  ended.catch(() => {});
  child.kill("SIGKILL");
  assert.match(await errors, /^kvcast: the main thread has not turned for \d\.\d s; publishing goes on\n$/);
});
