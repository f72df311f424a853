/** The result of a load test for people: a short table. Pure. */
import type { AgeFigures } from "./age-histogram.ts";
import type { FloodFigures } from "./figures.ts";
import type { RampResult } from "./ramp.ts";

const NAME_COLUMNS = 9;
const UNKNOWN = "unknown: there is no metrics page to read (--metrics-url)";

/** Lines without the machine and the command, which stand below all tables. */
export function figuresText(figures: FloodFigures, faults: readonly string[]): string {
  const { rate, events, messages, bytes, bytesPerSecond, windowMs, offeredPerSecond } = figures;
  const cut = figures.interrupted ? "; cut short" : "";
  const lines = [
    row("rate", `${whole(rate.median)} events/s (median; ${whole(rate.min)} to ${whole(rate.max)})${cut}`),
    row(
      "",
      `${whole(rate.mean)} events/s over all the ${(windowMs / 1000).toFixed(1)} s, ${megabytes(bytesPerSecond)}/s`,
    ),
  ];
  if (offeredPerSecond !== null) {
    const share = ((rate.mean / offeredPerSecond) * 100).toFixed(1);
    lines.push(row("", `${share} % of the ${whole(offeredPerSecond)} events/s offered`));
  }
  lines.push(
    row("events", `${whole(events)} in ${whole(messages)} messages, ${megabytes(bytes)}, warm-up included`),
    row("loss", faults.length === 0 ? noLoss(figures) : `${faults.length} faults, see below`),
    row("age", agesText(figures.warmAges)),
    row("", `${agesText(figures.coldAges)} (in the warm-up)`),
    row("cpu", cpuText(figures)),
    row("memory", memoryText(figures)),
  );
  return `${lines.join("\n")}\n`;
}

/** All steps of a ramp in order, and where the knee is. */
export function rampText(ramp: RampResult<FloodFigures>): string {
  const lines = ramp.steps.map(({ ratePerSecond, measured, shortfall }) => {
    const p99 = measured.warmAges === null ? "-" : millis(measured.warmAges.p99Micros);
    const verdict = shortfall === null ? "holds" : `fails: ${shortfall}`;
    return row("step", `${whole(ratePerSecond)} events/s: ${whole(measured.rate.mean)} came, p99 ${p99}; ${verdict}`);
  });
  return `${[...lines, row("knee", kneeText(ramp))].join("\n")}\n`;
}

function kneeText({ knee, above }: RampResult<FloodFigures>): string {
  if (knee === null) return "none: no rate held";
  const end = above === null ? "no rate that fails was reached" : `${whole(above.ratePerSecond)} fail`;
  return `${whole(knee.ratePerSecond)} events/s hold, ${end}`;
}

/** A line of a table: name and text. */
export function row(name: string, text: string): string {
  return `${name.padEnd(NAME_COLUMNS)}${text}`;
}

/** What "nothing" was checked against, because that differs. */
function noLoss({ loss, lastSequence }: FloodFigures): string {
  const sequence = `none: no hole in the sequence up to ${whole(lastSequence)}`;
  const books =
    loss.service === null ? "; the books of the service were not read" : ", and the books of the service balance";
  return `${sequence}${loss.missingEvents === 0 ? ", all came that the service sent" : ""}${books}`;
}

function agesText(ages: AgeFigures | null): string {
  if (ages === null) return "no events";
  const { p50Micros, p99Micros, p999Micros, maxMicros } = ages;
  return `p50 ${millis(p50Micros)}, p99 ${millis(p99Micros)}, p99.9 ${millis(p999Micros)}, max ${millis(maxMicros)}`;
}

function cpuText({ cpuMicrosPerEvent, cpuCores }: FloodFigures): string {
  if (cpuMicrosPerEvent === null || cpuCores === null) return UNKNOWN;
  return `${cpuMicrosPerEvent.toFixed(2)} µs an event, ${cpuCores.toFixed(2)} cores busy (all threads of the service)`;
}

function memoryText({ peakRssBytes, memoryBoundBytes }: FloodFigures): string {
  if (peakRssBytes === null) return UNKNOWN;
  const bound = memoryBoundBytes === null ? "" : `; the bound on events is ${mebibytes(memoryBoundBytes)}`;
  return `${mebibytes(peakRssBytes)} at most${bound}`;
}

/** With commas between thousands; small numbers with two digits. */
export function whole(value: number): string {
  if (value > 0 && value < 10) return String(Math.round(value * 100) / 100);
  return Math.round(value)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

function millis(micros: number): string {
  const ms = micros / 1000;
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(ms < 100 ? 1 : 0)} ms`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 1)} MB`;
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
