/**
 * Any stream of ids, any moments in which the ring is full: what goes out, in which order, and all counts are those of a
 * model that knows no full ring.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ranksAt } from "../../src/main/normalise/engine-ranks.ts";
import type { ClearPolicy } from "../../src/main/normalise/injections.ts";
import type { RawEvent } from "../../src/main/engine/raw-event.ts";
import { IntakeRig } from "../support/intake-rig.ts";
import { savedAt } from "../support/saved-ranks.ts";
import { block, createdJson, rawEventOf, storedJson } from "../support/raw-events.ts";

const RANKS = 2;

/** As the rig tells it. */
function rankOf(event: string): number {
  return Number(/^[CSR](\d+)/.exec(event)?.[1]);
}

function rawOf({ rank, id, kind, hash }: Placed): RawEvent {
  const raw = rawEventOf(kind === "created" ? createdJson(id, { rank }) : storedJson(id, [block(hash, 4)], { rank }));
  if (kind === "broken") raw.fail("bad_type");
  return raw;
}

/** One event of an engine: where its id lies from the last one of its rank, and what it is. */
interface Step {
  readonly rank: number;
  /** Added to the last id; null: the id is 0. */
  readonly by: number | null;
  readonly kind: "stored" | "created" | "broken";
}

interface Placed extends Step {
  readonly id: number;
  readonly hash: number;
}

function place(steps: readonly Step[]): Placed[] {
  const last = new Map<number, number>();
  return steps.map((step, i) => {
    const id = step.by === null ? 0 : Math.max(0, (last.get(step.rank) ?? 6) + step.by);
    last.set(step.rank, id);
    return { ...step, id, hash: i + 1 };
  });
}

class Model {
  readonly out: string[] = [];
  readonly injected = { start: 0, restart: 0, gap: 0, command: 0, tier_move: 0 };
  readonly dirty = new Map<number, number>();
  readonly #policy: ClearPolicy;
  readonly #saved: ReadonlyMap<number, number>;
  readonly #last = new Map<number, number>();

  constructor(policy: ClearPolicy, saved: ReadonlyMap<number, number>) {
    this.#policy = policy;
    this.#saved = saved;
    if (policy.onStart) for (let rank = 0; rank < RANKS; rank++) if (!saved.has(rank)) this.#clear(rank, "start");
  }

  take({ rank, id, kind, hash }: Placed): void {
    const last = this.#last.get(rank);
    if (last === undefined) {
      const saved = this.#saved.get(rank);
      if (saved === undefined ? this.#policy.onStart && rank >= RANKS : id !== saved + 1) this.#clear(rank, "start");
    } else if (id === last) {
      return;
    } else if (id > last + 1) {
      if (this.#policy.onGap) this.#clear(rank, "gap");
      else this.dirty.set(rank, (this.dirty.get(rank) ?? 0) + id - last - 1);
    } else if (id < last && (id === 0 || kind === "created")) {
      if (this.#policy.onRestart) this.#clear(rank, "restart");
      else this.dirty.set(rank, this.dirty.get(rank) ?? 0);
      this.#last.set(rank, id);
    }
    this.#last.set(rank, Math.max(id, this.#last.get(rank) ?? 0));
    if (kind === "stored") this.out.push(`S${rank}:${hash}`);
  }

  #clear(rank: number, reason: "start" | "restart" | "gap"): void {
    this.out.push(`C${rank}`);
    this.injected[reason]++;
    this.dirty.delete(rank);
  }
}

const step = fc.record<Step>({
  rank: fc.integer({ min: 0, max: RANKS }),
  by: fc.oneof(
    { weight: 6, arbitrary: fc.constant(1) },
    { weight: 3, arbitrary: fc.integer({ min: -3, max: 4 }) },
    { weight: 2, arbitrary: fc.constant(null) },
  ),
  kind: fc.constantFrom("stored", "stored", "stored", "created", "broken"),
});
const policy = fc.record<ClearPolicy>({ onStart: fc.boolean(), onRestart: fc.boolean(), onGap: fc.boolean() });
const saved = fc.dictionary(fc.constantFrom("0", "1", "2"), fc.integer({ min: 4, max: 8 }), { maxKeys: 2 });

test("a full ring changes nothing but the time", async () => {
  let clears = 0;
  let refusals = 0;
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 5, maxLength: 30 }),
    policy,
    saved,
    fc.array(fc.boolean(), { minLength: 5, maxLength: 60 }),
    async (steps, rules, lastIds, full) => {
      const expectedLastIds = new Map(Object.entries(lastIds).map(([rank, id]) => [Number(rank), id]));
      const rig = new IntakeRig({ policy: rules, ranks: RANKS, saved: savedAt(expectedLastIds), full });
      const model = new Model(rules, expectedLastIds);
      await rig.begin();
      assert.deepEqual(rig.out, model.out);
      for (const event of place(steps)) {
        model.take(event);
        rig.accept(rawOf(event));
        assert.deepEqual(rig.out, model.out);
        assert.deepEqual(rig.counters.injected, model.injected);
        assert.deepEqual(
          new Map(rig.counters.dirtyRanks().map((one) => [one.rank, one.missing])),
          new Map([...model.dirty].toSorted(([a], [b]) => a - b)),
        );
      }
      const beyond = rig.out.filter((event) => event.startsWith(`S${RANKS}`));
      assert.equal(rig.counters.unknownRank, beyond.length, "judged once, however often it was refused");
      clears += model.injected.restart + model.injected.gap;
      refusals += rig.refusals;
    },
  );
  const runs = Number(process.env["RUNS"] ?? 1000);
  await fc.assert(property, { numRuns: runs });
  assert.ok(clears > runs / 4 && refusals > runs, `${clears} clears, ${refusals} refusals`);
});

test("among other engines: the same under other numbers, and nothing of ranks beyond its own", async () => {
  let leftOut = 0;
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 30 }),
    policy,
    fc.nat({ max: 5 }),
    async (steps, rules, position) => {
      const alone = new IntakeRig({ policy: rules, ranks: RANKS });
      const among = new IntakeRig({ policy: rules, place: ranksAt(position, 6, RANKS) });
      await Promise.all([alone.begin(), among.begin()]);
      for (const event of place(steps)) {
        alone.accept(rawOf(event));
        among.accept(rawOf(event));
      }
      const own = alone.out.filter((event) => rankOf(event) < RANKS);
      assert.deepEqual(
        among.out,
        own.map((event) => event.replace(/\d+/, String(position * RANKS + rankOf(event)))),
      );
      assert.equal(among.counters.filtered.unknown_rank, steps.filter(({ rank }) => rank >= RANKS).length);
      leftOut += among.counters.filtered.unknown_rank;
    },
  );
  await fc.assert(property, { numRuns: Number(process.env["RUNS"] ?? 300) });
  assert.ok(leftOut > 0);
});
