/** From the tracker's queue into the pipeline: what waits for what, when a clear has much to take out. */
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { Egress } from "../../src/main/consolidate/egress.ts";
import type { EventOutlet } from "../../src/main/intake.ts";
import { PUBLISHED_KIND, type PublishedEvent } from "../../src/main/normalise/published-event.ts";
import { TIER } from "../../src/shared/tier.ts";
import { blockStore, ConsolidatorRig } from "../support/consolidator-rig.ts";

const HOST = 2;
const QUEUE_LIMIT_BYTES = 4 << 20;
const STEP = 1024;

/** The ring's side: takes events while it is open, by kind and low half of the hash. */
class Outlet implements EventOutlet {
  readonly taken: string[] = [];
  #open: boolean = true;
  #whenOpen: (() => void)[] = [];

  offer(event: PublishedEvent): boolean {
    if (this.#open) this.taken.push(`${event.kind === PUBLISHED_KIND.removed ? "-" : "+"}${event.hashLo[0]}`);
    return this.#open;
  }

  async writable(): Promise<void> {
    if (!this.#open) await new Promise<void>((resolve) => this.#whenOpen.push(resolve));
  }

  flush(): void {}

  close(): void {
    this.#open = false;
  }

  open(): void {
    this.#open = true;
    for (const tell of this.#whenOpen.splice(0)) tell();
  }
}

interface Rig {
  readonly rig: ConsolidatorRig;
  readonly outlet: Outlet;
  readonly egress: Egress;
}

/** Source 0 holds `count` blocks, a host tier one that makes the rank a shared one. */
function shared(t: TestContext, count: number, intervalMs: number = 0): Rig {
  const rig = new ConsolidatorRig({ maxBlocks: count + 100 });
  const block = blockStore({ hash: 0, tokens: [0] });
  for (let i = 0; i < count; i++) {
    block.hashLo = i;
    block.tokens[1] = i;
    rig.consolidator.store(block);
    if (i % 10_000 === 0) rig.consolidator.drain(() => true);
  }
  rig.store({ hash: 1 << 30, tokens: [1 << 30], source: HOST, tier: TIER.hostPinned });
  rig.consolidator.drain(() => true);
  const outlet = new Outlet();
  const egress = new Egress(rig.consolidator, outlet, intervalMs);
  t.after(() => egress.stop(0));
  return { rig, outlet, egress };
}

test("a clear goes in steps, between which other sources are heard", async (t) => {
  const count = 20 * STEP;
  const { rig, outlet, egress } = shared(t, count);
  rig.consolidator.clear(0, 0);
  assert.equal(egress.notify(), null, "its source need not wait");
  let most = 0;
  while (outlet.taken.length < 5 * STEP) {
    const before = outlet.taken.length;
    await nextTurn();
    most = Math.max(most, outlet.taken.length - before);
  }
  rig.store({ hash: 777_777, tokens: [777_777], source: HOST, tier: TIER.hostPinned });
  void egress.notify();
  while (rig.consolidator.isSweeping || rig.consolidator.queued > 0) await nextTurn();
  await nextTurn();
  const removed = outlet.taken.filter((word) => word.startsWith("-"));
  assert.ok(most > 0 && most <= 3 * STEP, `${most} events in a turn`);
  assert.deepEqual(
    removed,
    [...removed].toSorted((a, b) => Number(a) - Number(b)),
    "the newest first",
  );
  assert.equal(removed.length, count);
  const at = outlet.taken.indexOf("+777777");
  assert.ok(at >= 5 * STEP && at < count - STEP, `the new block is number ${at} of ${count}`);
});

test("while there is no room a clear does not go on, and sources wait; then all of it goes", async (t) => {
  const count = Math.ceil((1.5 * QUEUE_LIMIT_BYTES) / 20);
  const { rig, outlet, egress } = shared(t, count, 60_000);
  outlet.close();
  rig.consolidator.clear(0, 0);
  void egress.notify();
  let wait: Promise<void> | null = null;
  while (wait === null) {
    await nextTurn();
    wait = egress.notify();
  }
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.ok(
    rig.consolidator.queuedBytes <= QUEUE_LIMIT_BYTES + 20 * STEP,
    `${rig.consolidator.queuedBytes} bytes wait`,
  );
  assert.ok(rig.consolidator.isSweeping);
  outlet.open();
  await wait;
  await egress.stop(performance.now() + 30_000);
  assert.equal(outlet.taken.length, count);
});

test("told to stop in the middle, it takes out the rest first", async (t) => {
  const { rig, outlet, egress } = shared(t, 10 * STEP, 60_000);
  rig.consolidator.clear(0, 0);
  void egress.notify();
  await nextTurn();
  assert.ok(rig.consolidator.isSweeping);
  await egress.stop(performance.now() + 30_000);
  assert.equal(outlet.taken.length, 10 * STEP);
});
