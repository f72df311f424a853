/**
 * The live page in a real browser: what it shows is what `/metrics` says, everyone can use it, and it lets nothing foreign in.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { drawn, numberOf, openLivePage, startBrowser, textOf, until, violations } from "../support/browser.ts";
import { scrape } from "../support/books.ts";
import { serve, sim } from "../support/processes.ts";

const EVENTS = 3000;

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
    const rank = { dp_rank: "0", dynamo_component: "backend", model: "made-up-8b" };
    const blocks = metrics.value("dynamo_component_total_blocks", rank);
    const used = Math.round(blocks * metrics.value("dynamo_component_gpu_cache_usage_percent", rank));
    assert.equal(await textOf(page, ".ranks .used"), `${used.toLocaleString("en-US")} used`);
    assert.equal(await textOf(page, ".ranks .free"), `${((blocks - used) / 1000).toFixed(0)} k free`);
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
    const style = `getComputedStyle(document.querySelector("#stage-ring"), "::before").backgroundPositionX`;
    assert.equal(await page.evaluate("document.getAnimations().length"), 0);
    for (let i = 0; i < 3; i++) {
      await drawn(page, 1);
      assert.equal(await page.evaluate(style), "0%");
    }
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
