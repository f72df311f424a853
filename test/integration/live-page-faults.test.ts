/**
 * The live page in a real browser, while things go wrong: what does is red, with its reason, and nothing that happens to the service
 * leaves the page blank or complaining.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { scrape } from "../support/books.ts";
import { drawn, type Opened, openLivePage, startBrowser, textOf, until, violations } from "../support/browser.ts";
import { Kvcast, serve, sim } from "../support/processes.ts";

function assertQuiet({ complaints }: Opened): void {
  assert.deepEqual(complaints, [], "the browser has nothing to complain of");
}

test("what goes wrong is red, with its reason and what to do", async (t) => {
  const browser = await startBrowser(t);
  if (browser === null) return;
  const [gaps, broken] = await Promise.all([sim(t, "--rate 500 --fault gap:10%"), sim(t, "--fault http500")]);
  const nowhere = "--sink both --nats-url nats://127.0.0.1:1 --worker-id 7";
  const [lossy, strict] = await Promise.all([
    serve(t, `--engine gaps=${gaps.url} --engine broken=${broken.url} ${nowhere}`),
    // The engine's blocks have 32 tokens.
    serve(t, `--engine wrong=${gaps.url} --kv-block-size 16`),
  ]);
  const [first, second] = await Promise.all([
    openLivePage(t, browser, lossy.facts.url),
    openLivePage(t, browser, strict.facts.url, { colorScheme: "light" }),
  ]);

  await until(first.page, `document.querySelector("#stage-engine").dataset.state === "bad"`);
  assert.match(await textOf(first.page, "#stage-engine .reason"), /broken do(es)? not answer/);
  assert.match(await textOf(first.page, "#stage-engine .state"), /trouble/);
  assert.equal(await first.page.locator("#verdict").getAttribute("data-state"), "bad");
  assert.match(
    await textOf(first.page, '#failing [data-check="engine_reachable broken"]'),
    /does not answer.*Look whether the engine runs/,
  );
  await until(first.page, `document.querySelector("#stage-nats").dataset.state === "bad"`);
  assert.match(await textOf(first.page, "#stage-nats .reason"), /no connection to NATS/);
  assert.equal(await first.page.locator("#stage-zmq").getAttribute("data-state"), "ok");
  await until(first.page, `document.querySelector('#markers [data-kind="gap"]') !== null`);
  assert.match(await textOf(first.page, '#markers [data-kind="gap"]'), /gaps: \d+ event ids missing/);
  await until(first.page, `document.querySelector('#markers [data-kind="alert"]') !== null`);
  assert.match(await textOf(first.page, '[data-engine="gaps"] .note'), /ids missing/);
  assert.equal(await first.page.locator('[data-engine="broken"]').getAttribute("data-state"), "bad");

  await until(second.page, `document.querySelector("#stage-normalise").dataset.state === "bad"`);
  assert.match(await textOf(second.page, "#stage-normalise .reason"), /malformed/);
  await until(second.page, `document.querySelector('#markers [data-kind="loss"]') !== null`);
  const title = `document.title`;
  assert.match(String(await second.page.evaluate(title)), /^✕ kvcast/);
  for (const opened of [first, second]) {
    assert.deepEqual(await violations(opened.page), []);
    assertQuiet(opened);
  }
});

test("a service that dies and comes back: the page says so, and goes on", async (t) => {
  const browser = await startBrowser(t);
  if (browser === null) return;
  const flags = "--engine synthetic:?rate=200";
  const before = await serve(t, flags);
  const { url } = before.facts;
  const { page } = await openLivePage(t, browser, url);
  assert.equal(await page.locator("#banner").isVisible(), false);
  const foot = await textOf(page, "#foot");

  before.child.kill("SIGKILL");
  await before.exit;
  await page.locator("#banner").waitFor({ state: "visible" });
  assert.match(await textOf(page, "#banner"), /no connection to kvcast/);
  assert.match(await textOf(page, "#verdict"), /not connected/);

  const { port } = new URL(url);
  const after = new Kvcast(t, `serve --system-port ${port} --zmq-endpoint tcp://127.0.0.1:* ${flags}`);
  await after.log("kvcast is running");
  await page.locator("#banner").waitFor({ state: "hidden" });
  await drawn(page, 3);
  assert.notEqual(await textOf(page, "#foot"), foot, "it is another run");
  await page.locator("#verdict", { hasText: "events flow" }).waitFor({ state: "visible" });
});

test("many tabs of a browser cost the service one stream, and none when they are closed", async (t) => {
  const browser = await startBrowser(t);
  if (browser === null) return;
  const service = await serve(t, "--engine synthetic:?rate=200");
  const { url } = service.facts;
  const opened = await openLivePage(t, browser, url);
  const context = opened.page.context();
  const clients = async (): Promise<number> => (await scrape(url)).value("kvcast_sse_clients");
  const openTab = async (): Promise<void> => {
    const tab = await context.newPage();
    await tab.goto(url);
    await until(tab, "Number(document.body.dataset.ticks) > 0");
  };
  await Promise.all(Array.from({ length: 15 }, openTab));
  // More than a browser opens connections to a host, and all of them are served.
  assert.equal(await clients(), 1);
  await context.close();
  const deadline = performance.now() + 10_000;
  while ((await clients()) !== 0) assert.ok(performance.now() < deadline, "the stream ends with the last tab");
  assertQuiet(opened);
});
