/** Failures of an engine's events that make no error: each is found, and what only looks like it is not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding } from "../../src/main/health/check.ts";
import {
  EventWatch,
  MAX_SKEW_SECONDS,
  MIN_GAP_SECONDS,
  MIN_JUDGED_EVENTS,
  MIN_SILENT_BLOCKS,
  NEARLY_FULL,
} from "../../src/main/health/event-watch.ts";
import { WINDOW_SAMPLES } from "../../src/main/health/sample-window.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";

const QUIET_AFTER_S = 30;

class Rig {
  readonly counters: EngineCounters = new EngineCounters("e", "http", 1);
  readonly watch: EventWatch;
  capacity: number | null = null;
  skew: number | null = null;
  #ms: number = 0;

  constructor(quietAfterMs: number | null = QUIET_AFTER_S * 1000) {
    this.counters.up = 1;
    this.watch = new EventWatch({
      counters: this.counters,
      quietAfterMs,
      bufferCapacity: () => this.capacity,
      skewSeconds: () => this.skew,
      now: () => this.#ms,
    });
    this.watch.sample();
  }

  /** So many seconds, in each of which the engine is read, and `happen` happens. */
  seconds(count: number, happen: (counters: EngineCounters) => void = () => {}): this {
    for (let i = 0; i < count; i++) {
      happen(this.counters);
      this.counters.polls.empty++;
      this.#ms += 1000;
      this.watch.sample();
    }
    return this;
  }

  works(): void {
    this.watch.noteWork(1);
  }

  announces(): void {
    this.counters.received.created++;
  }

  stores(count: number = 1): void {
    this.counters.received.stored += count;
    this.counters.storedBlocks += count;
  }
}

function fails(finding: Finding, reason: RegExp, fix: RegExp): void {
  assert.ok(finding.ok === false, JSON.stringify(finding));
  assert.match(finding.reason, reason);
  assert.match(finding.fix, fix);
}

function holds(finding: Finding): void {
  assert.deepEqual(finding, { ok: true });
}

function isOff(finding: Finding, reason: RegExp): void {
  assert.ok(finding.ok === null && !finding.waiting, JSON.stringify(finding));
  assert.match(finding.reason, reason);
}

test("events_flow: blocks are filled and none is told of", () => {
  const rig = new Rig();
  rig.seconds(QUIET_AFTER_S - 1, () => rig.works());
  holds(rig.watch.lookAtFlow());
  rig.seconds(2, () => rig.works());
  fails(rig.watch.lookAtFlow(), /engine e fills blocks.* none for 30 s/, /event_buffer_max_size.*enable_block_reuse/s);
  holds(rig.watch.lookAtCreated());
  rig.seconds(1, () => rig.stores());
  holds(rig.watch.lookAtFlow());
});

test("events_flow: it begins to be silent later, and the time counts from the first block behind the last event", () => {
  const rig = new Rig();
  rig.seconds(100, () => {
    rig.works();
    rig.stores();
  });
  rig.seconds(QUIET_AFTER_S - 1, () => rig.works());
  holds(rig.watch.lookAtFlow());
  rig.seconds(2, () => rig.works());
  fails(rig.watch.lookAtFlow(), /fills blocks/, /./);
});

test("events_flow: idleness, too little work, an engine that is not read, no statistics, off: nothing is claimed", () => {
  isOff(new Rig().seconds(100).watch.lookAtFlow(), /gives no statistics/);
  const idle = new Rig();
  idle.watch.noteWork(0);
  holds(idle.seconds(1000).watch.lookAtFlow());
  const little = new Rig();
  for (let i = 0; i < MIN_SILENT_BLOCKS - 1; i++) little.works();
  holds(little.seconds(1000).watch.lookAtFlow());
  const down = new Rig();
  down.seconds(100, () => down.works());
  down.counters.up = 0;
  isOff(down.watch.lookAtFlow(), /is not being read/);
  const off = new Rig(null);
  isOff(off.seconds(100, () => off.works()).watch.lookAtFlow(), /switched off/);
});

test("events_flow: a full ring holds up the reading, and that is no silence of the engine", () => {
  const rig = new Rig();
  rig.seconds(100, (counters) => {
    rig.works();
    counters.polls.empty--; // none is answered
  });
  holds(rig.watch.lookAtFlow());
});

test("created_phase: the announcement, and nothing behind it", () => {
  const rig = new Rig();
  rig.seconds(1, () => rig.announces());
  rig.seconds(QUIET_AFTER_S + 2, () => rig.works());
  fails(rig.watch.lookAtCreated(), /has announced its cache.* none since/, /enable_block_reuse/);
  holds(rig.watch.lookAtFlow());
  rig.seconds(1, () => rig.stores());
  holds(rig.watch.lookAtCreated());
  // A restart: announced again.
  rig.seconds(1, () => rig.announces());
  rig.seconds(QUIET_AFTER_S + 2, () => rig.works());
  fails(rig.watch.lookAtCreated(), /announced/, /./);
});

test("created_phase: the announcement comes with the first blocks, as it should", () => {
  const rig = new Rig();
  rig.seconds(1, () => {
    rig.announces();
    rig.stores();
  });
  rig.seconds(QUIET_AFTER_S - 1, () => rig.works());
  holds(rig.watch.lookAtCreated());
});

test("all_filtered: nothing is published, and the commonest cause is named, with its own fix", () => {
  for (const [reason, fix] of [
    ["partial_block", /--kv-block-size/],
    ["unknown_rank", /--attention-dp-size/],
    ["tier_move", /--publish-tier-moves/],
    ["attention_kind", /kvcast_filtered_events_total/],
  ] as const) {
    const rig = new Rig();
    rig.seconds(MIN_JUDGED_EVENTS, (counters) => {
      counters.received.stored++;
      counters.filtered[reason]++;
      // What is always left out says nothing.
      counters.filtered.created += 2;
      counters.filtered.updated += 2;
    });
    fails(rig.watch.lookAtFilters(), new RegExp(`none of the blocks that engine e .*left out as ${reason}`), fix);
  }
});

test("all_filtered: malformed ones too, without a filter to blame", () => {
  const rig = new Rig();
  rig.seconds(MIN_JUDGED_EVENTS, (counters) => {
    counters.received.stored++;
    counters.invalid.hash_range++;
  });
  fails(rig.watch.lookAtFilters(), /published$/, /kvcast_invalid_events_total/);
});

test("all_filtered: too few, one that is published, only updates, removals that go out, the minute that is over", () => {
  const few = new Rig();
  few.seconds(MIN_JUDGED_EVENTS - 1, (counters) => counters.received.stored++);
  holds(few.watch.lookAtFilters());
  const one = new Rig();
  one.seconds(1, () => one.stores());
  one.seconds(WINDOW_SAMPLES - 1, (counters) => (counters.received.stored += 5));
  holds(one.watch.lookAtFilters());
  one.seconds(1, (counters) => (counters.received.stored += 5));
  fails(one.watch.lookAtFilters(), /none of the blocks/, /./);
  const updates = new Rig();
  updates.seconds(100, (counters) => {
    counters.received.updated++;
    counters.filtered.updated++;
  });
  holds(updates.watch.lookAtFilters());
  const removals = new Rig();
  removals.seconds(MIN_JUDGED_EVENTS, (counters) => {
    counters.received.stored++;
    counters.filtered.partial_block++;
    counters.received.removed++;
    counters.enqueued++;
  });
  fails(removals.watch.lookAtFilters(), /none of the blocks/, /./);
  removals.seconds(WINDOW_SAMPLES);
  holds(removals.watch.lookAtFilters());
});

test("second_consumer: ids go on missing, and the buffer is not the cause", () => {
  const rig = new Rig();
  rig.seconds(MIN_GAP_SECONDS - 1, ({ missingIds }) => (missingIds[0] = (missingIds[0] ?? 0) + 5));
  holds(rig.watch.lookForOthers());
  rig.seconds(1, ({ missingIds }) => (missingIds[0] = (missingIds[0] ?? 0) + 5));
  fails(rig.watch.lookForOthers(), /go on missing/, /Only one may/);
  rig.seconds(WINDOW_SAMPLES);
  holds(rig.watch.lookForOthers());
});

test("second_consumer: a buffer that runs over, and answers that were lost on the way, are other causes", () => {
  const full = new Rig();
  full.capacity = 100;
  full.seconds(10, ({ missingIds }) => {
    missingIds[0] = (missingIds[0] ?? 0) + 5;
    full.watch.noteDrain(100);
  });
  holds(full.watch.lookForOthers());
  const small = new Rig();
  small.capacity = 100;
  small.seconds(10, ({ missingIds }) => {
    missingIds[0] = (missingIds[0] ?? 0) + 5;
    small.watch.noteDrain(10);
  });
  fails(small.watch.lookForOthers(), /its buffer cannot have run over/, /./);
  const lossy = new Rig();
  lossy.seconds(10, ({ missingIds, polls }) => {
    missingIds[0] = (missingIds[0] ?? 0) + 5;
    polls.error++;
  });
  holds(lossy.watch.lookForOthers());
});

test("event_buffer: one drain that brings nearly all that there is room for, for a minute", () => {
  const rig = new Rig();
  isOff(rig.watch.lookAtBuffer(), /does not say how many/);
  rig.capacity = 1000;
  rig.watch.noteDrain(1000 * NEARLY_FULL - 1);
  rig.seconds(1);
  holds(rig.watch.lookAtBuffer());
  rig.watch.noteDrain(1000 * NEARLY_FULL);
  fails(rig.watch.lookAtBuffer(), /80 %/, /event_buffer_max_size above 1000/);
  rig.watch.noteDrain(1);
  rig.seconds(WINDOW_SAMPLES);
  fails(rig.watch.lookAtBuffer(), /80 %/, /./);
  rig.seconds(1);
  holds(rig.watch.lookAtBuffer());
});

test("clock_skew: by the date of answers", () => {
  const rig = new Rig();
  for (const skew of [null, 0, MAX_SKEW_SECONDS, -MAX_SKEW_SECONDS]) {
    rig.skew = skew;
    holds(rig.watch.lookAtClock());
  }
  rig.skew = 10.4;
  fails(rig.watch.lookAtClock(), /clock of engine e is 10 s ahead of/, /NTP/);
  rig.skew = -3600;
  fails(rig.watch.lookAtClock(), /3600 s behind/, /NTP/);
});

test("clock_skew: by events from the future, where an engine puts the time on them", () => {
  const rig = new Rig();
  rig.seconds(MIN_JUDGED_EVENTS, (counters) => counters.observeAge(0.01, 1));
  rig.seconds(MIN_JUDGED_EVENTS - 1, (counters) => counters.observeAge(-0.5, 1));
  holds(rig.watch.lookAtClock());
  rig.seconds(2, (counters) => counters.observeAge(-0.5, 1));
  fails(rig.watch.lookAtClock(), /is ahead of/, /NTP/);
});
