/** TensorRT-LLM's metrics on our page: the engine's own, or those that are derived, and never both. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_FACTS } from "../../src/main/engine/engine-probe.ts";
import { PageCounters } from "../../src/main/engine-page/page-counters.ts";
import { type ExpositionPage, PageParser } from "../../src/main/expfmt/page-parser.ts";
import { parseMetrics } from "../../src/main/flood/metrics-text.ts";
import { Metrics } from "../../src/main/metrics/registry.ts";
import { engineData } from "../support/engine-data.ts";
import { EPOCH, FakePipeline } from "../support/fake-pipeline.ts";
import { stat } from "../support/load-rows.ts";

const NAME = "trtllm_num_requests_running";

test("what is derived makes way for the engine's own page as soon as that is shown, and not before", async () => {
  const data = await engineData(1);
  data.derived.note(stat({ numActiveRequests: 5 }));
  data.noteFacts({ ...NO_FACTS, hasMetricsPage: false });
  const parser = new PageParser();
  parser.push(Buffer.from('# TYPE trtllm_num_requests_running gauge\ntrtllm_num_requests_running{pid="7"} 6\n'));
  const ofEngine = parser.end();
  let shown: ExpositionPage | null = null;
  let clockMs = 0;
  const metrics = new Metrics({
    engines: [data.counters],
    data: [data],
    enginePages: {
      pages: [{ counters: new PageCounters(data.engine), ageSeconds: () => 0, page: () => shown }],
      refresh: async () => {},
    },
    pipeline: new FakePipeline(),
    version: "0",
    epoch: EPOCH,
    logCounts: {},
    requests: { entries: () => [] },
    defaults: false,
    now: () => clockMs,
  });
  const running = async (): Promise<string[]> => {
    clockMs += 1000;
    const { samples } = parseMetrics(await metrics.render());
    return [...samples].filter(([key]) => key.startsWith(NAME)).map(([key, value]) => `${key} ${value}`);
  };
  const derived = ['trtllm_num_requests_running{engine_type="trtllm",model_name="m"} 5'];
  assert.deepEqual(await running(), derived);
  // The engine came back with a page of its own, which is asked for only once a minute.
  shown = ofEngine;
  assert.deepEqual(await running(), ['trtllm_num_requests_running{pid="7"} 6']);
  data.noteFacts({ ...NO_FACTS, hasMetricsPage: true });
  shown = null;
  assert.deepEqual(await running(), []);
});
