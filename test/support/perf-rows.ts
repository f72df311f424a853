/** Entries of an engine's `/perf_metrics`, as JSON and as they are kept. */
import { ListScanner } from "../../src/main/engine/list-scanner.ts";
import { PerfEntry, scanPerfEntry } from "../../src/main/perf/perf-entry.ts";
import { phasesOf } from "../../src/main/perf/perf-phases.ts";
import type { PerfFault, PerfRecord } from "../../src/main/perf/perf-record.ts";
import type { KeptRequest } from "../../src/main/perf/perf-ring.ts";

export type Fields = Record<string, unknown>;

export const TIMES: Readonly<Record<string, number>> = {
  server_arrival_time: 999.999,
  arrival_time: 1000,
  first_scheduled_time: 1000.5,
  first_token_time: 1001.25,
  server_first_token_time: 1001.251,
  last_token_time: 1003.25,
};
export const BLOCKS: Readonly<Record<string, number>> = {
  num_total_allocated_blocks: 40,
  num_new_allocated_blocks: 10,
  num_reused_blocks: 30,
  num_missed_blocks: 10,
};

/** An entry of a request that waited 0.5 s, prefilled 0.75 s and decoded 100 tokens in 2 s; parts may be changed. */
export function perfEntry(
  over: { readonly entry?: Fields; readonly metrics?: Fields; readonly times?: Fields; readonly blocks?: Fields } = {},
): Fields {
  return {
    request_id: 7,
    perf_metrics: {
      first_iter: 100,
      last_iter: 200,
      timing_metrics: { ...TIMES, ...over.times },
      kv_cache_metrics: { ...BLOCKS, ...over.blocks },
      ...over.metrics,
    },
    ...over.entry,
  };
}

export interface Scanned {
  readonly records: PerfRecord[];
  readonly faults: PerfFault[];
  /** Code of the refusal of the body, null for a whole one. */
  readonly error: string | null;
}

/** Reads a body in chunks of so many bytes. */
export function scanPerf(body: string | Buffer, chunkBytes: number = Infinity): Scanned {
  const scanner = new ListScanner(scanPerfEntry);
  const entry = new PerfEntry();
  const scanned: Scanned & { error: string | null } = { records: [], faults: [], error: null };
  const bytes = Buffer.from(body);
  scanner.begin();
  const read = (): void => {
    while (scanner.next(entry) === "event") {
      scanned.records.push(...entry.records);
      scanned.faults.push(...entry.faults);
    }
  };
  for (let at = 0; at < bytes.length; at += Math.min(chunkBytes, bytes.length)) {
    scanner.push(bytes.subarray(at, Math.min(at + chunkBytes, bytes.length)));
    read();
  }
  scanner.end();
  read();
  scanned.error = scanner.error?.code ?? null;
  return scanned;
}

/** The one record of an entry. Throws where there is none. */
export function perfRecord(over: Parameters<typeof perfEntry>[0] = {}): PerfRecord {
  const { records, faults } = scanPerf(JSON.stringify([perfEntry(over)]));
  const record = records[0];
  if (record === undefined) throw new Error(`no record: ${faults.join()}`);
  return record;
}

/** As it is kept: read when it ended, on a clock of ours that shows the engine's seconds as milliseconds. */
export function keptRequest(over: Parameters<typeof perfEntry>[0] = {}): KeptRequest {
  const record = perfRecord(over);
  const { arrival, lastToken } = record.times;
  const untilMs = (lastToken ?? 0) * 1000;
  return { record, phases: phasesOf(record), readMs: untilMs, span: { fromMs: (arrival ?? 0) * 1000, untilMs } };
}
