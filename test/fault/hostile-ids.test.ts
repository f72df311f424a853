/**
 * Event ids that no engine should give: twice, late, far ahead, anew from 0, beyond what a number can hold. Held against a
 * model of the rules; a rank that behaves well shares the engine and must not notice.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { assertBooks } from "../support/books.ts";
import { quietPage } from "../support/fault/judge.ts";
import { type LedgerEntry, namesOf } from "../support/fault/ledger.ts";
import { engineJson } from "../support/fault/oracle-event.ts";
import { faultRun, restartClears } from "../support/fault/run.ts";
import { Dice } from "../support/fault/seed.ts";

const RANKS = 4;
const ROUNDS = 60;
const EVENTS_PER_ROUND = 40;
const BAD_IDS = ["-1", "1.5", '"7"', "null", "9007199254740993", "1e400", "true"];
const LARGEST_ID = 2 ** 53 - 1;

/** The rules, once more and as plainly as possible. */
class RankModel {
  last: number = 0;
  gaps: number = 0;
  duplicates: number = 0;
  late: number = 0;
  restarts: number = 0;
  invalid: number = 0;
  readonly delivered: LedgerEntry[] = [];
  readonly lines: string[] = [];

  next(entry: LedgerEntry, ahead: number = 0): void {
    this.gaps += ahead;
    this.#deliver(entry, this.last + 1 + ahead);
    this.last += 1 + ahead;
  }

  /** The one before once more. */
  twice(): void {
    const before = this.delivered.at(-1);
    if (before === undefined) return;
    this.lines.push(engineJson(before.event, String(this.last)));
    this.duplicates++;
  }

  comesLate(entry: LedgerEntry, id: number): void {
    this.late++;
    this.#deliver(entry, id);
  }

  restart(entry: LedgerEntry): void {
    this.restarts++;
    this.#deliver(entry, 0);
    this.last = 0;
  }

  bad(entry: LedgerEntry, id: string): void {
    this.invalid++;
    this.lines.push(engineJson(entry.event, id));
  }

  #deliver(entry: LedgerEntry, id: number): void {
    this.delivered.push(entry);
    this.lines.push(engineJson(entry.event, String(id)));
  }
}

test("ids of every kind over four ranks: as the model says, on each rank for itself", async (t) => {
  const run = await faultRun(t, { ranks: RANKS });
  const { engine, checker, service } = run;
  const dice = new Dice(run.seed);
  const models = Array.from({ length: RANKS }, () => new RankModel());
  // The first event of each rank is `created`, with id 0.
  for (let rank = 0; rank < RANKS; rank++) engine.emitOn(rank);

  let sent = RANKS;
  for (let round = 0; round < ROUNDS; round++) {
    const texts: string[] = [];
    for (let i = 0; i < EVENTS_PER_ROUND; i++) {
      const rank = dice.between(0, RANKS - 1);
      const model = models[rank];
      assert.ok(model);
      const { last } = model;
      const what = rank === 0 ? 0 : dice.between(0, 9);
      if (what === 9 && last > 2) model.twice();
      else if (what === 8) model.next(engine.emitOn(rank), dice.between(1, 1000));
      else if (what === 7 && last > 2) model.comesLate(engine.emitOn(rank), dice.between(1, last - 1));
      else if (what === 6) model.bad(engine.emitOn(rank), dice.pick(BAD_IDS));
      else if (what === 5 && last > 0 && dice.chance(0.2)) model.restart(engine.emitOn(rank));
      else if (what === 4 && dice.chance(0.05)) {
        model.next(engine.emitOn(rank), LARGEST_ID - last - 1);
        model.restart(engine.emitOn(rank));
      } else model.next(engine.emitOn(rank));
      texts.push(...model.lines.splice(0));
    }
    sent += texts.length;
    engine.replyNext((response, entries) => {
      const created = entries.filter(({ event }) => event.kind === "created").map(({ event }) => engineJson(event));
      response.end(`[${[...created, ...texts].join(",")}]`);
    });
    const target = models.reduce((sum, model) => sum + model.delivered.length, 0);
    await checker.until("the round has arrived", 15_000, () => checker.delivered >= target);
  }

  const page = await quietPage(service.facts.url, checker.delivered + checker.clears);
  assert.deepEqual(checker.problems, []);
  assert.deepEqual(checker.missing(), []);
  const sum = (count: (model: RankModel) => number): number => models.reduce((total, model) => total + count(model), 0);
  for (const [rank, model] of models.entries()) {
    const arrived = checker.stream(rank).filter((entry) => entry !== null);
    assert.ok(namesOf(arrived) === namesOf(model.delivered), `rank ${rank} delivers what it should, in order`);
    const labels = { engine: "engine0", dp_rank: String(rank) };
    assert.equal(page.value("kvcast_source_sequence_gaps_total", labels), model.gaps, `gaps of rank ${rank}`);
    assert.equal(page.value("kvcast_source_last_event_id", labels), model.last, `last id of rank ${rank}`);
  }
  assert.equal(models[0]?.gaps, 0, "the rank that behaves well has no gap");
  assert.equal(page.sum("kvcast_source_received_events_total"), sent);
  assert.equal(
    page.sum("kvcast_source_duplicate_events_total"),
    sum((model) => model.duplicates),
  );
  assert.equal(
    page.sum("kvcast_source_out_of_order_events_total"),
    sum((model) => model.late),
  );
  assert.equal(
    page.sum("kvcast_source_sequence_resets_total"),
    sum((model) => model.restarts),
  );
  assert.equal(
    page.sum("kvcast_invalid_events_total", { reason: "bad_type" }),
    sum((model) => model.invalid),
  );
  const injected = restartClears(
    RANKS,
    sum((model) => model.restarts),
  );
  for (const [reason, count] of Object.entries(injected)) {
    assert.equal(page.sum("kvcast_injected_events_total", { reason }), count, `clears for ${reason}`);
  }
  assert.equal(checker.clears, injected.start + injected.restart);
  assertBooks(page, true);
  assert.ok(checker.delivered > 1500);
  for (const count of ["gaps", "duplicates", "late", "restarts", "invalid"] as const) {
    assert.ok(sum((model) => model[count]) > 5, `there were enough ${count}`);
  }
});
