/** SIGTERM in the middle of everything: first not ready, then what was taken is delivered or counted, then exit 0. */
import assert from "node:assert/strict";
import test from "node:test";
import { Checker } from "../support/fault/checker.ts";
import { eventually, lasting, within } from "../support/fault/deadline.ts";
import { namesOf } from "../support/fault/ledger.ts";
import { OracleEngine } from "../support/fault/oracle-engine.ts";
import { faultRun, serveFlags } from "../support/fault/run.ts";
import { Dice, faultSeed } from "../support/fault/seed.ts";
import { serve } from "../support/processes.ts";

/** What a supervisor grants. */
const LIMIT_MS = 5000;

test("an answer is still arriving: not ready at once, alive to the end, and that answer is delivered", async (t) => {
  const run = await faultRun(t, { ranks: 2, proxied: true });
  const { engine, proxy, checker, service } = run;
  const { url } = service.facts;
  engine.eventsPerDrain = 20;
  await checker.until("events flow", 15_000, () => checker.delivered >= 500);
  engine.eventsPerDrain = 0;
  await eventually("the engine is idle", LIMIT_MS, () => (engine.ledger.count("sent") === 0 ? true : null));
  // 60 events of some 600 bytes, in little more than a second: the service grants an answer three.
  proxy.throttle(30_000);
  engine.emit(60);
  const { bytesDown } = proxy;
  await eventually("the answer has begun", LIMIT_MS, () => (proxy.bytesDown > bytesDown + 2000 ? true : null));
  service.child.kill("SIGTERM");
  const reasons = await eventually("it says that it is not ready", 500, async () => {
    const response = await fetch(`${url}/health`);
    return response.status === 503 ? ((await response.json()) as { reasons: string[] }).reasons : null;
  });
  assert.deepEqual(reasons, ["the service is shutting down"]);
  assert.equal((await fetch(`${url}/live`)).status, 200);
  assert.deepEqual(await within("it ends", LIMIT_MS, service.exit), { code: 0, signal: null });
  await assertDelivered(engine, checker, service.logs);
});

test("under load, at any moment, three times: what it had taken is delivered, no more and no less", async (t) => {
  const dice = new Dice(faultSeed(t));
  for (let round = 0; round < 3; round++) {
    const engine = await OracleEngine.start(t, { seed: dice.between(0, 1e6), ranks: 3 });
    const service = await serve(t, serveFlags(engine.url, 3));
    const checker = Checker.connect(t, service.facts.zmqEndpoint, engine.ledger);
    engine.eventsPerDrain = 200;
    await checker.until("events flow", 15_000, () => checker.delivered >= 2000);
    await lasting(dice.between(0, 50));
    service.child.kill("SIGTERM");
    assert.deepEqual(await within("it ends", LIMIT_MS, service.exit), { code: 0, signal: null });
    await assertDelivered(engine, checker, service.logs);
  }
});

test("a second SIGTERM ends it at once", async (t) => {
  const run = await faultRun(t, { proxied: true });
  const { engine, proxy, checker, service } = run;
  engine.eventsPerDrain = 20;
  await checker.until("events flow", 15_000, () => checker.delivered >= 200);
  const { bytesDown } = proxy;
  proxy.throttle(1000);
  await eventually("an answer has begun", LIMIT_MS, () => (proxy.bytesDown > bytesDown + 100 ? true : null));
  service.child.kill("SIGTERM");
  await service.log("shutting down");
  service.child.kill("SIGTERM");
  assert.deepEqual(await within("it ends", LIMIT_MS, service.exit), { code: null, signal: "SIGTERM" });
});

/** Every event that the engine gave away, with nothing between it and kvcast that could lose it, has arrived. */
async function assertDelivered(
  engine: OracleEngine,
  checker: Checker,
  logs: readonly Readonly<Record<string, unknown>>[],
): Promise<void> {
  const last = logs.find((record) => String(record["msg"]).startsWith("stopped, "));
  assert.ok(last);
  assert.equal(last["dropped_events"], 0);
  await checker.until("the last message arrives", LIMIT_MS, () => checker.lastSequence === last["last_sequence"]);
  assert.deepEqual(checker.problems, []);
  assert.deepEqual(checker.missing(), []);
  let received = 0;
  for (let rank = 0; rank < engine.ledger.ranks; rank++) {
    const taken = engine.ledger.entries(rank).filter((entry) => entry.fate !== "queued");
    received += taken.length;
    assert.equal(
      namesOf(checker.stream(rank).filter((entry) => entry !== null)),
      namesOf(taken.filter(({ event }) => event.kind !== "created")),
      `what the engine gave away of rank ${rank}, in order`,
    );
  }
  assert.equal(last["received_events"], received);
}
