/**
 * Subscribers that are absent, stopped, or come and go: the publisher never waits for them, the others notice nothing, and
 * who lost messages can tell so from the numbers.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { Subscriber } from "zeromq";
import { assertBooks, scrape } from "../support/books.ts";
import { Checker } from "../support/fault/checker.ts";
import { eventually, lasting, within } from "../support/fault/deadline.ts";
import { quietPage } from "../support/fault/judge.ts";
import { OracleEngine } from "../support/fault/oracle-engine.ts";
import { openFiles, peakRssBytes } from "../support/fault/proc.ts";
import { faultRun, probe } from "../support/fault/run.ts";
import { faultSeed } from "../support/fault/seed.ts";
import { serve, SubscriberProcess } from "../support/processes.ts";
import { requireTool } from "../support/tools.ts";

const MIB = 1024 * 1024;
/** Events that the reader of all may be behind: with those of one drain on top half of its queue. */
const MAX_BEHIND = 150;

test("nobody subscribes: everything is published and counted, and a late subscriber gets what comes from then on", async (t) => {
  const engine = await OracleEngine.start(t, { seed: faultSeed(t) });
  const service = await serve(t, `--engine ${engine.url} --kv-block-size 4`);
  const { url } = service.facts;
  engine.emit(3000);
  await eventually("all is published to nobody", 45_000, async () => {
    const page = await scrape(url);
    return page.sum("kvcast_sink_sent_events_total") === 3000 ? true : null;
  });
  assert.equal((await fetch(`${url}/health`)).status, 200);

  const checker = Checker.connect(t, service.facts.zmqEndpoint, engine.ledger, { late: true });
  await eventually("it is subscribed", 45_000, async () =>
    (await scrape(url)).sum("kvcast_zmq_subscribers") === 1 ? true : null,
  );
  // All of the 3,000 but `created`, and the clear of the start.
  const sentBefore = 3000;
  engine.emit(500);
  await probe(engine, checker);
  assert.deepEqual(checker.problems, []);
  assert.deepEqual(checker.missing(), []);
  assert.equal(checker.delivered, 502, "500, and the two of the probe");
  const page = await quietPage(url, sentBefore + checker.delivered);
  assert.equal(page.sum("kvcast_sink_sent_events_total"), sentBefore + checker.delivered);
  assertBooks(page, true);
});

test("one is stopped: the other gets everything, memory stays within its queue, the gap shows in the numbers", async (t) => {
  const queueMib = 4;
  const run = await faultRun(t, { ranks: 2, flags: `--zmq-queue-bytes ${queueMib}MiB` });
  const { engine, checker, service } = run;
  engine.eventsPerDrain = 100;
  engine.removalBlocks = 1000;
  // The other one has a queue as small; on a busy machine it must not fall behind by that much.
  const { ledger } = engine;
  engine.isHeldBack = () => ledger.entries(0).length + ledger.entries(1).length - checker.delivered > MAX_BEHIND;
  const stalled = await new SubscriberProcess(t, service.facts.zmqEndpoint).connected();
  await stalled.until({ untilEvents: 1000 });
  const rssBefore = peakRssBytes(run.pid);
  stalled.child.kill("SIGSTOP");
  // Far more than fits into its queue and the buffers of the connection.
  const bytesBefore = (await scrape(service.facts.url)).sum("kvcast_sink_sent_bytes_total");
  await eventually("far more is published than may wait for one subscriber", 45_000, async () => {
    const page = await scrape(service.facts.url);
    return page.sum("kvcast_sink_sent_bytes_total") - bytesBefore > 16 * MIB ? true : null;
  });
  const grown = peakRssBytes(run.pid) - rssBefore;
  // Half of it is the process warming up.
  assert.ok(grown < (queueMib + 60) * MIB, `grew by ${Math.round(grown / MIB)} MiB`);
  stalled.child.kill("SIGCONT");
  engine.eventsPerDrain = 20;
  const target = checker.delivered + 1000;
  await checker.until("events flow", 45_000, () => checker.delivered >= target);
  const verdict = await run.settle({ atLeast: { delivered: 7000 } });
  assert.equal(verdict.lost, 0);
  const report = await within(
    "the one that was stopped catches up",
    45_000,
    stalled.until({ untilSequence: checker.lastSequence }),
  );
  assert.ok(report.gaps > 20, `lost ${report.gaps} messages`);
  assert.equal(report.messages + report.gaps, report.lastSequence - report.firstSequence + 1);
  assert.equal(report.repeats, 0);
});

test("a hundred a second come and go: nobody else notices, and nothing stays open", async (t) => {
  const run = await faultRun(t, { ranks: 2 });
  const { engine, checker, service, pid } = run;
  engine.eventsPerDrain = 5;
  await checker.until("events flow", 45_000, () => checker.delivered >= 500);
  const filesBefore = openFiles(pid);
  let got = 0;
  for (let i = 0; i < 200; i++) {
    const socket = new Subscriber({ linger: 0, receiveTimeout: 5000 });
    socket.connect(service.facts.zmqEndpoint);
    socket.subscribe("");
    const visit = async (): Promise<void> => {
      // Every third one is gone before it has got anything.
      if (i % 3 > 0) {
        await socket.receive();
        got++;
      }
      socket.close();
    };
    await Promise.all([visit(), lasting(10)]);
  }
  assert.ok(got > 100, "most of them were served");
  await eventually("their connections are closed and forgotten", 45_000, async () => {
    const page = await scrape(service.facts.url);
    return openFiles(pid) <= filesBefore + 1 && page.sum("kvcast_zmq_subscribers") === 1 ? true : null;
  });
  const verdict = await run.settle({ atLeast: { delivered: 1000 } });
  assert.equal(verdict.lost, 0);
});

test("file descriptors run out while it runs: those who are there stay served, and others later", async (t) => {
  const prlimit = requireTool(t, "prlimit");
  if (prlimit === null) return;
  const run = await faultRun(t, { ranks: 1 });
  const { engine, checker, service, pid } = run;
  engine.eventsPerDrain = 5;
  await checker.until("events flow", 45_000, () => checker.delivered >= 500);
  const limit = (soft: number): void => {
    assert.equal(spawnSync(prlimit, ["--pid", String(pid), `--nofile=${soft}:`]).status, 0);
  };
  limit(openFiles(pid) + 3);
  const others = Array.from(
    { length: 20 },
    () => new Subscriber({ linger: 0, receiveTimeout: 5000, reconnectInterval: 50 }),
  );
  t.after(() => others.forEach((socket) => socket.close()));
  for (const socket of others) {
    socket.connect(service.facts.zmqEndpoint);
    socket.subscribe("");
  }
  await others[0]?.receive().catch(() => {});
  const target = checker.delivered + 500;
  await checker.until("events still flow", 45_000, () => checker.delivered >= target);
  limit(1024);
  await Promise.all(others.map((socket) => within("the others are served too", 10_000, socket.receive())));
  const { page } = await run.settle({ atLeast: { delivered: 1000 } });
  assert.equal(page.sum("kvcast_sink_errors_total"), 0);
});
