/** A caller that keeps looking for room while the pipeline stops. */
import assert from "node:assert/strict";
import test from "node:test";
import type { Pipeline } from "../../src/main/pipeline/pipeline.ts";
import { numbered } from "../support/pipeline-parts.ts";
import { startPipeline } from "../support/pipeline-run.ts";

/** Looks for room until told to end. Returns how often. */
async function look(pipeline: Pipeline, until: AbortSignal): Promise<number> {
  let looks = 0;
  while (!until.aborted) {
    assert.equal(pipeline.offer(numbered(2)), false);
    await pipeline.writable();
    looks++;
  }
  return looks;
}

test("whoever waits for room in a loop does not hold up the stop", async (t) => {
  const { pipeline } = await startPipeline(t, {}, false);
  while (pipeline.offer(numbered(1)));
  const end = new AbortController();
  const stopped = pipeline.stop(0);
  const looking = look(pipeline, end.signal);
  const { forced } = await stopped;
  end.abort();
  assert.equal(forced, true);
  assert.ok((await looking) > 0);
});
