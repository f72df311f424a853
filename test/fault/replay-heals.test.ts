/** Connections of subscribers break and messages are lost on the way: a replay brings each of them, and disturbs nobody. */
import assert from "node:assert/strict";
import test from "node:test";
import { Dealer } from "zeromq";
import { Checker } from "../support/fault/checker.ts";
import { eventually, within } from "../support/fault/deadline.ts";
import { judge } from "../support/fault/judge.ts";
import { OracleEngine } from "../support/fault/oracle-engine.ts";
import { faultRun, probe, serveFlags, startClears } from "../support/fault/run.ts";
import { Dice, faultSeed } from "../support/fault/seed.ts";
import { TcpProxy } from "../support/fault/tcp-proxy.ts";
import { type Kvcast, serve } from "../support/processes.ts";

const REPLAY = "--replay-endpoint tcp://127.0.0.1:* --replay-batches 100000 --replay-bytes 256MiB";
const END_SEQUENCE = 0xffff_ffff_ffff_ffffn;

function replayEndpoint(service: Kvcast): string {
  const started = service.logs.find((record) => record.msg === "kvcast is running");
  return String(started?.["replay_endpoint"]);
}

test("the subscriber's connection is cut twenty times: after a replay every event is there, once and in order", async (t) => {
  const seed = faultSeed(t);
  const dice = new Dice(seed);
  const engine = await OracleEngine.start(t, { seed, ranks: 2 });
  const service = await serve(t, serveFlags(engine.url, 2, REPLAY));
  const proxy = await TcpProxy.start(t, Number(new URL(service.facts.zmqEndpoint).port));
  const checker = Checker.connect(t, `tcp://127.0.0.1:${proxy.port}`, engine.ledger);
  engine.eventsPerDrain = 20;
  await checker.until("events flow", 15_000, () => checker.delivered >= 500);
  for (let cut = 0; cut < 20; cut++) {
    const { accepted } = proxy;
    if (dice.chance(0.5)) proxy.cut();
    else proxy.cutAfter(dice.between(1, 20_000));
    await eventually("it connects again", 15_000, () => (proxy.accepted > accepted ? true : null));
    const { delivered } = checker;
    await checker.until("events flow again", 15_000, () => checker.delivered > delivered);
  }
  await probe(engine, checker);
  const missing = checker.missing().length;
  t.diagnostic(`${missing} messages were lost on the way`);
  assert.ok(missing >= 10, "enough was lost for the run to mean something");
  await checker.heal(replayEndpoint(service));
  const { lost } = await judge(service.facts.url, engine.ledger, checker, {
    injected: startClears(2),
    atLeast: { delivered: 2000 },
  });
  assert.equal(lost, 0);
});

test("a storm of replays, of every kind, with clients that leave: live events stay fresh, each answer has its end", async (t) => {
  const run = await faultRun(t, { ranks: 2, flags: REPLAY });
  const { engine, checker, service, seed } = run;
  const endpoint = replayEndpoint(service);
  engine.eventsPerDrain = 20;
  await checker.until("events flow", 15_000, () => checker.delivered >= 5000);
  const storming = new AbortController();
  let answers = 0;
  const storm = Array.from({ length: 8 }, async (_, client) => {
    const dice = new Dice(seed + client);
    for (let round = 0; !storming.signal.aborted; round++) {
      const socket = new Dealer({ linger: 0, receiveTimeout: 5000 });
      try {
        socket.connect(endpoint);
        const start = Buffer.alloc(8);
        // From the start, from somewhere, from the future.
        start.writeBigUInt64BE(dice.pick([0n, BigInt(dice.between(0, 1000)), 1n << 50n]));
        // What is no request gets no answer.
        const malformed = dice.chance(0.1);
        await socket.send(malformed ? ["", "no such request"] : ["", start]);
        // Every fourth one leaves without listening.
        if (malformed || round % 4 === 3) continue;
        for (let last = -1n; ;) {
          const [, , number] = await socket.receive();
          if (number === undefined) break;
          const sequence = number.readBigUInt64BE();
          if (sequence === END_SEQUENCE) break;
          assert.ok(sequence > last, "a replay is in order");
          last = sequence;
        }
        answers++;
      } finally {
        socket.close();
      }
    }
  });
  engine.eventsPerDrain = 0;
  for (let i = 0; i < 20; i++) {
    engine.emit(50);
    await probe(engine, checker);
  }
  storming.abort();
  await within("every answer ends", 15_000, Promise.all(storm));
  t.diagnostic(`${answers} replays were answered`);
  assert.ok(answers >= 8);
  await run.settle({ atLeast: { delivered: 6000 } });
});
