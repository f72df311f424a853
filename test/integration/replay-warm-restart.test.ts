/** A kvcast that goes on with the epoch of the one before it: what that one published is known to be gone from its window. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { Dealer } from "zeromq";
import { scrape } from "../support/books.ts";
import { eventually } from "../support/fault/deadline.ts";
import { serve, sim } from "../support/processes.ts";
import { readAnswer, requestFor } from "../support/replay-harness.ts";

test("after a warm restart a start of before it is answered as one that is kept no more", async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), "kvcast-warm-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const engine = await sim(t, "--rate 300 --blocks 1 --tokens 4");
  let runs = 0;
  for (const evicted of ["suffix", "suffix", "empty"] as const) {
    const kvcast = await serve(
      t,
      `--engine ${engine.url} --kv-block-size 4 --snapshot --state-dir ${directory} ` +
        `--replay-endpoint tcp://127.0.0.1:* --replay-evicted ${evicted}`,
    );
    const next = Number(kvcast.logs.find((record) => "next_sequence" in record)?.["next_sequence"] ?? 0);
    assert.equal(next > 0, runs++ > 0, "only the first begins at 0");
    const published = await eventually("more than a few messages are published", 10_000, async () => {
      const last = (await scrape(kvcast.facts.url)).sum("kvcast_published_sequence");
      return last >= next + 5 ? last : null;
    });
    const dealer = new Dealer({ linger: 0, receiveTimeout: 10_000 });
    dealer.connect(String(kvcast.logs.find((record) => "replay_endpoint" in record)?.["replay_endpoint"]));
    const ask = async (start: number): Promise<number[]> => {
      await dealer.send(requestFor(start));
      return (await readAnswer(dealer)).slice(0, -1).map((message) => Number(message[2]?.readBigUInt64BE()));
    };
    const before = await ask(Math.max(0, next - 3));
    const since = await ask(next);
    dealer.close();
    assert.equal(since[0], next);
    assert.ok((since.at(-1) ?? 0) >= published);
    // Only a restart makes it one that is kept no more.
    assert.deepEqual(before.slice(0, 1), next > 0 && evicted === "empty" ? [] : [next]);
    const outcome = next === 0 ? "complete" : evicted === "empty" ? "too_old" : "partial";
    // They are counted a moment after their end markers are sent.
    const counted = await eventually("both requests are counted", 10_000, async () => {
      const page = await scrape(kvcast.facts.url);
      const counts = ["complete", "partial", "too_old"].map((name) =>
        page.sum("kvcast_replay_requests_total", { outcome: name }),
      );
      return counts.reduce((sum, count) => sum + count, 0) === 2 ? counts : null;
    });
    assert.deepEqual(counted, { complete: [2, 0, 0], partial: [1, 1, 0], too_old: [1, 0, 1] }[outcome]);
    kvcast.child.kill("SIGTERM");
    assert.equal((await kvcast.exit).code, 0, kvcast.text());
  }
});
