/**
 * The live page in a real browser: what it shows is what `/metrics` says, what goes wrong shows up with its reason, and nothing
 * that happens to the service leaves it blank or complaining.
 */
import assert from "node:assert/strict";
import test from "node:test";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { drawn, numberOf, type Opened, openLivePage, startBrowser, textOf, until } from "../support/browser.ts";
import { scrape } from "../support/books.ts";
import { Kvcast, serve, sim } from "../support/processes.ts";

const EVENTS = 3000;

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary: string }[];
}

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate<readonly Violation[]>("axe.run().then(({ violations }) => violations)");
  return found.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(" ")} ${failureSummary}`).join("; ")}`,
  );
}

function assertQuiet({ complaints }: Opened): void {
  assert.deepEqual(complaints, [], "the browser has nothing to complain of");
}

test("the numbers on the page are those of /metrics, and it can be used by everyone", async (t) => {
  const browser = await startBrowser(t);
  if (browser === null) return;
  const engine = await sim(t, `--events ${EVENTS} --rate max --ranks 2 --fault gap:1%`);
  const service = await serve(t, `--engine one=${engine.url} --attention-dp-size 2`);
  const { url } = service.facts;
  const opened = await openLivePage(t, browser, url);
  const { page } = opened;
  const total = (id: string): Promise<number> => numberOf(page, `[data-total="${id}"]`);
  const lost = (id: string): Promise<number> => numberOf(page, `[data-lost="${id}"]`);

  await t.test("numbers", async () => {
    await until(page, `document.querySelector('[data-total="engine"]').textContent !== "0"`);
    // The stream has ended when nothing is under way and nothing new comes.
    let before = -1;
    for (let now = await total("zmq"); now !== before || now === 0; now = await total("zmq")) {
      before = now;
      await drawn(page, 10);
    }
    const metrics = await scrape(url);
    const sum = (name: string): number => metrics.sum(`kvcast_${name}`);
    assert.equal(await total("engine"), sum("source_received_events_total"));
    assert.equal(await total("ring"), sum("ring_enqueued_events_total"));
    assert.equal(await total("encode"), sum("ring_dequeued_events_total"));
    assert.equal(await total("zmq"), sum("sink_sent_events_total"));
    assert.equal(await total("subscribers"), sum("zmq_subscribers"));
    assert.equal(await lost("engine"), sum("source_sequence_gaps_total"));
    assert.ok((await lost("engine")) > 0, "the faults of the engine are on the page");
    assert.equal(await lost("normalise"), sum("invalid_events_total"));
    assert.equal(await lost("ring"), sum("ring_dropped_events_total"));
    assert.equal(await lost("zmq"), sum("sink_dropped_events_total"));
    assert.equal(await numberOf(page, '[data-fact="last sequence"]'), sum("published_sequence"));
    assert.equal(await numberOf(page, '[data-fact="unaccounted"]'), 0);
    assert.equal(await numberOf(page, '[data-fact="viewers"]'), sum("sse_clients"));
    await until(page, `document.querySelectorAll("#tail tr").length === 50`);
    await until(page, `document.querySelectorAll("#requests tr").length > 0`);
    const used = metrics.samples.get(
      'dynamo_component_total_blocks{dp_rank="0",dynamo_component="backend",model="sim"}',
    );
    assert.match(await textOf(page, ".ranks .blocks"), /used, .* free/, `of ${used ?? "so many"} blocks`);
  });

  await t.test("options with their origins; defaults on demand", async () => {
    assert.equal(await textOf(page, '#config tr:has(th:text-is("engine")) .value'), `one=${engine.url}`);
    assert.equal(await page.locator('#config [data-origin="default"]').count(), 0);
    await page.keyboard.press("d");
    assert.ok((await page.locator('#config [data-origin="default"]').count()) > 30);
  });

  await t.test("keys", async () => {
    await page.keyboard.press("p");
    assert.equal(await page.locator("#pause").getAttribute("aria-pressed"), "true");
    await page.keyboard.press("p");
    assert.equal(await page.locator("#pause").getAttribute("aria-pressed"), "false");
    const isOpen = `document.querySelector("#help").open`;
    await page.keyboard.press("?");
    assert.equal(await page.evaluate(isOpen), true);
    await page.keyboard.press("Escape");
    assert.equal(await page.evaluate(isOpen), false);
    await page.keyboard.press("Tab");
    assert.notEqual(await page.evaluate("document.activeElement.tagName"), "BODY");
  });

  await t.test("accessible, in both themes", async () => {
    for (const theme of ["dark", "light"]) {
      await page.keyboard.press("t");
      assert.equal(await page.evaluate("document.documentElement.dataset.theme"), theme);
      assert.deepEqual(await violations(page), [], `${theme} theme`);
    }
    await page.keyboard.press("t");
  });

  await t.test("nothing moves for those who do not want it", async () => {
    await page.emulateMedia({ reducedMotion: "reduce" });
    const moving = `document.getAnimations().length`;
    assert.equal(await page.evaluate(moving), 0);
  });

  await t.test("the browser lets no text become code", async () => {
    await assert.rejects(page.evaluate(`document.body.insertAdjacentHTML("beforeend", "<b>x</b>")`), /TrustedHTML/);
    const tried = `(() => { const s = document.createElement("script"); s.src = "https://elsewhere.example/x.js"; })()`;
    await assert.rejects(page.evaluate(tried), /TrustedScriptURL/);
  });
  // Those two tries are all that it may tell of.
  assert.ok(
    opened.complaints.every((text) => text.includes("Trusted")),
    opened.complaints.join("\n"),
  );
});

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
  assert.match(await textOf(first.page, "#stage-engine .reason"), /broken does not answer/);
  assert.match(await textOf(first.page, "#stage-engine .state"), /trouble/);
  assert.equal(await first.page.locator("#verdict").getAttribute("data-state"), "bad");
  assert.match(
    await textOf(first.page, '#failing [data-check="engine broken"]'),
    /does not answer.*kvcast goes on trying/,
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
  assert.match(await textOf(page, "#verdict"), /events flow/);
});

test("sixteen tabs of a browser cost the service one stream, and none when they are closed", async (t) => {
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
  assert.equal(await clients(), 1);
  await context.close();
  const deadline = performance.now() + 10_000;
  while ((await clients()) !== 0) assert.ok(performance.now() < deadline, "the stream ends with the last tab");
  assertQuiet(opened);
});
