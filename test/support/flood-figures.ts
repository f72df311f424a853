/** Figures of a flood in which all went well, for tests to spoil. */
import type { AgeFigures } from "../../src/main/flood/age-histogram.ts";
import type { FloodFigures, LossFigures } from "../../src/main/flood/figures.ts";

export const NO_LOSS: LossFigures = {
  missingMessages: 0,
  firstMissing: null,
  repeatedMessages: 0,
  missingEvents: 0,
  undelivered: 0,
  service: { beforeService: 0, invalid: 0, notEncoded: 0, dropped: 0, queueFull: 0, restarts: 0 },
  booksFault: null,
};

export const GOOD_AGES: AgeFigures = {
  events: 900,
  p50Micros: 400,
  p90Micros: 900,
  p99Micros: 5000,
  p999Micros: 9000,
  maxMicros: 12_345,
};

export const GOOD_FIGURES: FloodFigures = {
  offeredPerSecond: 1000,
  interrupted: false,
  warmUpMs: 500,
  windowMs: 3000,
  rate: { median: 1000, min: 990, max: 1010, mean: 999.9 },
  bytesPerSecond: 300_000,
  events: 3500,
  messages: 700,
  bytes: 1_050_000,
  lastSequence: 699,
  loss: NO_LOSS,
  coldAges: null,
  warmAges: GOOD_AGES,
  cpuMicrosPerEvent: 12.345,
  cpuCores: 0.0123,
  peakRssBytes: 100 * 2 ** 20,
  memoryBoundBytes: 260 * 2 ** 20,
};
