/** What is read of an engine beside its events, made and not started: nothing connects. */
import { loadServeConfig } from "../../src/main/config/load.ts";
import { EngineData } from "../../src/main/engine-data.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { ranksOfOnly } from "../../src/main/normalise/engine-ranks.ts";
import { phasesOf } from "../../src/main/perf/perf-phases.ts";
import { perfRecord } from "./perf-rows.ts";
import { RecordingLog } from "./recording-log.ts";

/** Of an engine over HTTP, of so many ranks. `flags` are those of `serve`. */
export async function engineData(ranks: number, flags: Readonly<Record<string, string>> = {}): Promise<EngineData> {
  const given = { engine: "http://127.0.0.1:1", model: "m", "attention-dp-size": String(ranks), ...flags };
  const { config } = await loadServeConfig(new Map(Object.entries(given).map(([name, value]) => [name, [value]])), {});
  const surroundings = {
    config,
    outlet: { offer: () => true, writable: async () => {}, flush: () => {} },
    ranks: ranksOfOnly(ranks),
    saved: new Map(),
    unknown: null,
    postLoad: () => {},
    log: Object.assign(new RecordingLog(), { limited: () => new RecordingLog(), counts: {} }),
    onFatal: (error: Error) => {
      throw error;
    },
  };
  const [engine] = config.engines;
  return new EngineData(engine, surroundings as never, new EngineCounters(engine.name, engine.kind, ranks));
}

/** One that has read everything once: a request, a row of no figures, its settings. */
export async function readEngineData(ranks: number): Promise<EngineData> {
  const data = await engineData(ranks);
  data.settings.noteTokensPerBlock(32);
  data.settings.noteHashAlgorithm("v1_block_key");
  const record = perfRecord();
  const { perf } = data;
  if (perf !== null) {
    perf.counters.records++;
    perf.histograms.observe(record, phasesOf(record));
  }
  data.additional.recordKvTransfer({ start: 1, end: 2, bytes: 1 });
  data.additional.recordKvEventDrain(1);
  return data;
}
