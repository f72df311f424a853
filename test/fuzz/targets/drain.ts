/** What an engine answers to a drain: through the scanner, the ids, the rules, up to what would be published. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { EventScanner } from "../../../src/main/engine/event-scanner.ts";
import { RawEvent } from "../../../src/main/engine/raw-event.ts";
import { Intake } from "../../../src/main/intake.ts";
import { EngineCounters } from "../../../src/main/metrics/engine-counters.ts";
import { ranksOfOnly } from "../../../src/main/normalise/engine-ranks.ts";
import { Injections } from "../../../src/main/normalise/injections.ts";
import { Normaliser } from "../../../src/main/normalise/normaliser.ts";
import { NO_SAVED_RANKS } from "../../../src/main/normalise/saved-ranks.ts";
import { bodyText } from "../../support/body-arbitrary.ts";
import { chunksOf } from "../chunks.ts";
import { fixture, fixturesOf, listsOf } from "../fixtures.ts";
import { seriesOf, sum } from "../page-series.ts";
import { scanList } from "../scan-list.ts";
import { JSON_SYNTAX } from "../syntax.ts";
import type { FuzzTarget, Session } from "../target.ts";

const RANKS = 4;

function seeds(): Buffer[] {
  const recorded = [...fixturesOf("trtllm", "trtllm_kv_cache_events"), fixture("dynamo/trtllm_v2_mm_kv_events.json")];
  return [...recorded.flatMap((body) => listsOf(body, 4)), Buffer.from("[]"), Buffer.from("[{}, null]")];
}

export const DRAIN: FuzzTarget = {
  name: "drain",
  about: "KV events that an engine answers: scanner, ids, rules",
  syntax: JSON_SYNTAX,
  seeds,
  made: (seed) => fc.sample(bodyText, { seed, numRuns: 60 }).map((text) => Buffer.from(text)),
  open,
};

async function open(): Promise<Session> {
  const counters = new EngineCounters("engine0", "http", RANKS);
  let offered = 0;
  const outlet = {
    offer: (): boolean => {
      offered++;
      return true;
    },
    writable: (): Promise<void> => Promise.resolve(),
    flush: (): void => {},
  };
  const ranks = ranksOfOnly(RANKS);
  const injections = new Injections({
    policy: { onStart: true, onRestart: true, onGap: true },
    ranks,
    saved: NO_SAVED_RANKS,
    counters,
    offer: outlet.offer,
  });
  const normaliser = new Normaliser({
    kvBlockSizeTokens: 4,
    ranks,
    mmTokenOffset: null,
    counters,
    onNotice: () => {},
    watch: injections,
    saved: NO_SAVED_RANKS,
    publishTierMoves: true,
  });
  const intake = new Intake(normaliser, injections, outlet);
  await intake.begin(() => false);
  // The last id of a rank has a series from its first event on.
  counters.lastEventId.fill(0);
  const series = await seriesOf(counters);
  counters.lastEventId.fill(-1);
  const scanner = new EventScanner();
  const event = new RawEvent();

  const run = (input: Uint8Array): void => {
    const before = sum(counters.received);
    let entries = 0;
    const step = scanList(scanner, event, chunksOf(input), () => {
      entries++;
      assert.ok(event.blockCount <= event.hashLo.length && event.tokenCount <= event.tokens.length);
      assert.ok(intake.accept(event), "there is always room");
    });
    const { error } = scanner;
    assert.equal(step, error === null ? "done" : "error");
    // Whoever counts an entry does it once.
    assert.equal(sum(counters.received) - before, entries, "each entry is received once");
    const { received, injected, filtered, invalid, duplicates, enqueued, droppedAtShutdown } = counters;
    assert.equal(
      sum(received) + sum(injected),
      duplicates + sum(filtered) + sum(invalid) + droppedAtShutdown + enqueued,
      "received + injected = duplicate + filtered + invalid + dropped + enqueued",
    );
    assert.equal(enqueued, offered, "what is enqueued was offered");
    let again = 0;
    scanList(scanner, event, [input], () => again++);
    assert.equal(again, entries, "as many entries in one piece");
    assert.deepEqual(scanner.error, error, "the same refusal in one piece");
  };

  return {
    run,
    check: async () => assert.ok((await seriesOf(counters)) <= series, "no series but those that there may be"),
  };
}
