/** What an engine answers of its requests' times: each entry makes records or a fault. */
import assert from "node:assert/strict";
import { ListScanner } from "../../../src/main/engine/list-scanner.ts";
import { PerfEntry, scanPerfEntry } from "../../../src/main/perf/perf-entry.ts";
import { phasesOf } from "../../../src/main/perf/perf-phases.ts";
import type { PerfRecord } from "../../../src/main/perf/perf-record.ts";
import { perfEntry } from "../../support/perf-rows.ts";
import { chunksOf } from "../chunks.ts";
import { fixture, listsOf } from "../fixtures.ts";
import { scanList } from "../scan-list.ts";
import { JSON_SYNTAX } from "../syntax.ts";
import type { FuzzTarget, Session } from "../target.ts";

export const PERF: FuzzTarget = {
  name: "perf",
  about: "performance records of an engine's requests",
  syntax: JSON_SYNTAX,
  seeds: () => [
    ...listsOf(fixture("trtllm/trtllm_perf_metrics.json"), 1),
    ...listsOf(fixture("trtllm/trtllm_perf_metrics_disagg.json"), 1),
    Buffer.from(JSON.stringify([perfEntry(), perfEntry({ entry: { ctx_request_id: "9" } }), {}, null])),
  ],
  open,
};

function assertPhases(record: PerfRecord): void {
  const { queue, transfer, prefill, decode, ttft, e2e, itl } = phasesOf(record);
  for (const seconds of [queue, transfer, prefill, decode, ttft, e2e, itl]) {
    assert.ok(seconds === null || (seconds >= 0 && Number.isFinite(seconds)), "no time is negative or endless");
  }
}

/** A record goes on pages and into metrics as it is. */
function assertNumbers(value: unknown): void {
  if (typeof value === "number") assert.ok(value >= 0 && Number.isFinite(value), `${value} is no count, rate or time`);
  if (typeof value === "object" && value !== null) for (const each of Object.values(value)) assertNumbers(each);
}

function open(): Session {
  const scanner = new ListScanner(scanPerfEntry);
  const entry = new PerfEntry();

  const scan = (chunks: readonly Uint8Array[]): readonly [entries: number, records: number, faults: string] => {
    let entries = 0;
    let records = 0;
    const faults: string[] = [];
    scanList(scanner, entry, chunks, () => {
      entries++;
      records += entry.records.length;
      faults.push(...entry.faults);
      const outcomes = entry.records.length + entry.faults.length;
      assert.ok(outcomes === 1 || outcomes === 2, "an entry makes one record or fault, or one for each half");
      for (const record of entry.records) {
        assertPhases(record);
        assertNumbers(record);
      }
    });
    assert.equal(scanner.entries, entries);
    return [entries, records, faults.join()];
  };

  const run = (input: Uint8Array): void => {
    const found = scan(chunksOf(input));
    const { error } = scanner;
    assert.deepEqual(scan([input]), found, "the same in one piece");
    assert.deepEqual(scanner.error, error);
  };
  return { run };
}
