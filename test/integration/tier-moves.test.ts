/** An engine over HTTP that moves blocks between tiers, through `kvcast serve` to a subscriber. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { scrape } from "../support/books.ts";
import { eventually } from "../support/fault/deadline.ts";
import { serve } from "../support/processes.ts";
import { block, movedJson, removedJson, storedJson } from "../support/raw-events.ts";
import { scriptedEngine } from "../support/scripted-engine.ts";
import { Told } from "../support/told.ts";

const PATIENCE_MS = 20_000;

test("moves of an engine over HTTP go out with their medium; the index goes by the device", async (t) => {
  const answers = [
    [storedJson(0, [block(7, 4), block(8, 4)]), movedJson(1, 7, 0, 1), movedJson(2, 8, 0, 1), movedJson(3, 8, 1, 2)],
    [movedJson(4, 7, 1, 0), removedJson(5, [8])],
  ];
  const engine = await scriptedEngine(t, (response, _n, { url }) => {
    const isEvents = url === "/kv_cache_events";
    if (!isEvents) response.statusCode = 404;
    response.end(JSON.stringify(isEvents ? (answers.shift() ?? []) : {}));
  });
  const flags = "--kv-block-size 4 --wait-subscribers 1 --publish-tier-moves --snapshot --clear-on-start off";
  const service = await serve(t, `--engine ${engine.url.origin} ${flags}`);
  const told = new Told(t, service.facts.zmqEndpoint);
  assert.deepEqual(await told.first(8), [
    "r0 +7+8",
    "r0 CPU_TIER1 +7",
    "r0 CPU_TIER1 +8",
    "r0 CPU_TIER1 -8",
    "r0 CPU_TIER2 +8",
    "r0 CPU_TIER1 -7",
    "r0 CPU_TIER2 -8",
    "r0 -8",
  ]);
  const page = await eventually("all is counted", PATIENCE_MS, async () => {
    const now = await scrape(service.facts.url);
    return now.sum("kvcast_sink_sent_events_total") === 8 ? now : null;
  });
  assert.equal(page.sum("kvcast_source_received_events_total"), 6);
  assert.equal(page.sum("kvcast_injected_events_total", { reason: "tier_move" }), 2);
  assert.equal(page.sum("kvcast_filtered_events_total"), 0);
  const index = await eventually("the index has followed", PATIENCE_MS, async () => {
    const now = await scrape(service.facts.url);
    return now.sum("kvcast_index_blocks") === 1 ? now : null;
  });
  assert.equal(index.sum("kvcast_index_blocks"), 1, "block 7 is on the device");
});
