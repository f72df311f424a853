/**
 * Subscribers that join in the middle of the traffic end with the blocks that the publisher's index has: `kvcast tail --sync`,
 * and `examples/sync-subscriber.ts`, which shares no code with it.
 */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { parseMetrics } from "../../src/main/flood/metrics-text.ts";
import type { MetricsPage } from "../../src/main/flood/metrics-text.ts";
import { serve } from "../support/processes.ts";

const KVCAST = fileURLToPath(new URL("../../src/main/index.js", import.meta.url));
const EXAMPLE = fileURLToPath(new URL("../../examples/sync-subscriber.js", import.meta.url));
const EVENTS = 6000;

interface View {
  readonly lastSequence: number;
  readonly blocks: Readonly<Record<string, number>>;
}

/** A program that prints what it knows once a second. */
class Joiner {
  readonly #child: ChildProcessByStdio<null, Readable, null>;
  readonly #lines: AsyncIterableIterator<string>;
  readonly #read: (line: string) => View;

  constructor(t: TestContext, args: readonly string[], read: (line: string) => View) {
    this.#child = spawn(process.execPath, [...args], {
      env: { PATH: process.env["PATH"] },
      stdio: ["ignore", "pipe", "ignore"],
    });
    t.after(() => this.#child.kill("SIGKILL"));
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#read = read;
  }

  async next(): Promise<View> {
    const { value, done } = await this.#lines.next();
    assert.ok(done !== true, "it ended");
    return this.#read(value);
  }

  /** Its first view that goes as far as `sequence`. */
  async upTo(sequence: number): Promise<View> {
    for (;;) {
      const view = await this.next();
      if (view.lastSequence >= sequence) return view;
    }
  }

  async stop(): Promise<void> {
    const closed = once(this.#child, "close");
    this.#child.stdout.resume();
    this.#child.kill("SIGINT");
    assert.deepEqual(await closed, [0, null]);
  }
}

function tailView(line: string): View {
  const stats = JSON.parse(line) as { last_sequence: number; lost: number; blocks: Record<string, number> };
  assert.equal(stats.lost, 0);
  return { lastSequence: stats.last_sequence, blocks: stats.blocks };
}

function exampleView(line: string): View {
  const [, number, ranks] = /^#(-?\d+) live blocks (.*)$/.exec(line) ?? [];
  assert.ok(number !== undefined && ranks !== undefined, line);
  const pairs = ranks.split(", ").map((each) => each.replace("rank ", "").split(": "));
  return {
    lastSequence: Number(number),
    blocks: Object.fromEntries(pairs.map(([rank, count]) => [rank, Number(count)])),
  };
}

async function scrape(url: string): Promise<MetricsPage> {
  return parseMetrics(await (await fetch(`${url}/metrics`)).text());
}

for (const format of ["vllm-array", "dynamo"]) {
  test(`who joins late ends with the blocks of the index: ${format}`, { timeout: 60_000 }, async (t) => {
    const engine = `--engine synthetic:?events=${EVENTS}&rate=2000&ranks=2&removed=0.4 --attention-dp-size 2`;
    const served = await serve(t, `${engine} --wire-format ${format} --snapshot --replay-endpoint tcp://127.0.0.1:*`);
    const { url, zmqEndpoint } = served.facts;
    const replayEndpoint = String((await served.log("kvcast is running"))["replay_endpoint"]);
    const tail = [KVCAST, "tail", zmqEndpoint, "--replay", replayEndpoint, "--sync", "--stats", "--json"];

    const joined = new Joiner(t, tail, tailView);
    const example = new Joiner(t, [EXAMPLE, zmqEndpoint, replayEndpoint], exampleView);
    // A line a second is also the pace at which the end of the traffic is looked for.
    let page = await scrape(url);
    while (page.sum("kvcast_sink_sent_events_total") < EVENTS) {
      await joined.next();
      page = await scrape(url);
    }
    const lastSequence = page.value("kvcast_published_sequence");
    const view = await joined.upTo(lastSequence);
    const late = await new Joiner(t, tail, tailView).upTo(lastSequence);

    assert.equal(late.lastSequence, lastSequence);
    assert.deepEqual(view, late);
    const blocks = Object.values(view.blocks).reduce((sum, count) => sum + count, 0);
    assert.ok(blocks > 0);
    assert.equal(blocks, (await scrape(url)).value("kvcast_index_blocks"));
    assert.deepEqual(await example.upTo(lastSequence), view);
    await joined.stop();
    await example.stop();
  });
}
