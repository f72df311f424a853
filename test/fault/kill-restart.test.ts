/** kvcast is killed in mid-stream and started again on the same addresses: subscribers see it and start over. */
import assert from "node:assert/strict";
import test from "node:test";
import { freePort } from "../../bench/support/free-port.ts";
import { Checker } from "../support/fault/checker.ts";
import { eventually, lasting, within } from "../support/fault/deadline.ts";
import { quietPage } from "../support/fault/judge.ts";
import { OracleEngine } from "../support/fault/oracle-engine.ts";
import { probe, serveFlags } from "../support/fault/run.ts";
import { Dice, faultSeed } from "../support/fault/seed.ts";
import { assertBooks } from "../support/books.ts";
import { Kvcast } from "../support/processes.ts";

const RANKS = 2;
const KILLS = 3;
/** One second on a machine that has nothing else to do. */
const START_MS = 3000;

test("killed three times under load: it starts at once, numbers begin anew, each rank is cleared first", async (t) => {
  const seed = faultSeed(t);
  const dice = new Dice(seed);
  const engine = await OracleEngine.start(t, { seed, ranks: RANKS });
  const zmq = `tcp://127.0.0.1:${await freePort()}`;
  const http = await freePort();
  const url = `http://127.0.0.1:${http}`;
  const line = serveFlags(engine.url, RANKS, `--zmq-endpoint ${zmq} --system-port ${http}`);

  let service = new Kvcast(t, `serve ${line}`);
  const checker = Checker.connect(t, zmq, engine.ledger);
  const epochs = new Set<string>();
  const startsMs: number[] = [];
  engine.eventsPerDrain = 50;
  for (let kill = 0; kill < KILLS; kill++) {
    await service.log("kvcast is running");
    epochs.add(await epochOf(url));
    const target = checker.delivered + 2000;
    await checker.until("events flow", 15_000, () => checker.delivered >= target);
    await lasting(dice.between(0, 50));
    service.child.kill("SIGKILL");
    await service.exit;
    const startedMs = performance.now();
    service = new Kvcast(t, `serve ${line}`);
    await within("it is ready again", START_MS, service.log("kvcast is running"));
    startsMs.push(Math.round(performance.now() - startedMs));
  }
  t.diagnostic(`started again within ${startsMs.join(", ")} ms`);
  epochs.add(await epochOf(url));
  const begun = checker.delivered;
  await checker.until("events flow", 15_000, () => checker.delivered > begun + 1000);
  await probe(engine, checker);

  assert.deepEqual(checker.problems, []);
  assert.equal(epochs.size, KILLS + 1, "each start has an identity of its own");
  assert.equal(checker.epochs.length, KILLS + 1, "numbers began anew after each kill");
  assert.deepEqual(checker.missing(), [], "within each run of numbers none is missing");
  for (const epoch of checker.epochs) {
    const first = Array.from({ length: RANKS }, (_, n) => epoch.get(n));
    assert.deepEqual(
      // What comes behind a clear may share its message.
      first.map((message) => [message?.rank, message?.events[0]]),
      first.map((_, rank) => [rank, null]),
      "first of all each rank is cleared",
    );
  }
  let lost = 0;
  for (let rank = 0; rank < RANKS; rank++) lost += assertLossOnlyAtClears(engine, checker, rank);
  t.diagnostic(`${lost} events were lost with the processes`);
  const page = await quietPage(url, eventsOf(checker.epochs.at(-1)));
  assertBooks(page, true);
  assert.equal(page.sum("kvcast_source_sequence_gaps_total"), 0, "what a predecessor lost is not this one's gap");
});

/** Events and clears of one run of numbers. */
function eventsOf(epoch: Checker["epochs"][number] | undefined): number {
  let events = 0;
  for (const message of epoch?.values() ?? []) events += message.events.length;
  return events;
}

/** What is missing of a rank was lost with a process: it stands right before a clear. Returns how much that is. */
function assertLossOnlyAtClears(engine: OracleEngine, checker: Checker, rank: number): number {
  const entries = engine.ledger.entries(rank);
  let next = 1;
  let lost = 0;
  let cleared = false;
  for (const entry of checker.stream(rank)) {
    if (entry === null) {
      cleared = true;
      continue;
    }
    const { id } = entry.event;
    assert.ok(id >= next, `rank ${rank}: event ${id} came after ${next - 1}`);
    if (id > next) assert.ok(cleared, `rank ${rank}: events ${next} to ${id - 1} are missing without a clear`);
    lost += id - next;
    next = id + 1;
    cleared = false;
  }
  assert.equal(next, entries.length, `rank ${rank} is up to date`);
  return lost;
}

async function epochOf(url: string): Promise<string> {
  return eventually("it tells its identity", 2000, async () => {
    const { epoch } = (await (await fetch(`${url}/health`)).json()) as { epoch?: unknown };
    return epoch === undefined ? null : JSON.stringify(epoch);
  });
}
