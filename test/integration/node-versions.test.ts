/** What runs on the oldest Node that is supported runs on the newer ones too: a service and a reader of it, on each. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { end, KVCAST, startNode } from "../support/cli-process.ts";
import { serve } from "../support/processes.ts";
import { requireNode } from "../support/tools.ts";

for (const major of [22, 24]) {
  test(`on Node ${major}: events go out over ZMQ, the metrics say so, and the end is orderly`, async (t) => {
    const node = requireNode(t, major);
    if (node === null) return;
    const engine = "--engine synthetic:?rate=500&blocks=2 --wait-subscribers 1";
    const service = await serve(t, engine, { node });
    const reader = await end(
      startNode([KVCAST, "tail", service.facts.zmqEndpoint, "--count", "20", "--json"], {}, node),
    );
    assert.equal(reader.code, 0, reader.err);
    const lines = reader.out.trim().split("\n");
    assert.equal(lines.filter((line) => /^\{"type":"(?:stored|removed|cleared)"/.test(line)).length, 20, reader.out);
    const page = await (await fetch(`${service.facts.url}/metrics`)).text();
    assert.match(page, new RegExp(`kvcast_build_info\\{[^}]*node="v?${major}\\.`));
    const sent = /kvcast_sink_sent_events_total\{[^}]*event_type="stored"[^}]*\} (\d+)/.exec(page);
    assert.ok(Number(sent?.[1]) >= 10, sent?.[0]);
    service.child.kill("SIGTERM");
    assert.deepEqual(await service.exit, { code: 0, signal: null });
  });
}
