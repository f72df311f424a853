/** Values as people read them, by the unit that Grafana knows them under. */
import type { Unit } from "../boards/board-model.ts";

const SI = ["", "k", "M", "G", "T"];
const BINARY = ["B", "KiB", "MiB", "GiB", "TiB"];
const SUFFIX: Partial<Record<Unit, string>> = { eps: " evt/s", cps: "/s", reqps: " req/s", Bps: "/s" };

export function formatValue(value: number, unit: Unit): string {
  if (value === Number.POSITIVE_INFINITY) return "inf";
  switch (unit) {
    case "s":
      return duration(value);
    case "percentunit":
      return `${trimmed(value * 100)}%`;
    case "bytes":
      return scaled(value, 1024, BINARY, " ");
    case "Bps":
      return `${scaled(value, 1024, BINARY, " ")}/s`;
    case "bool_yes_no":
      return value === 0 ? "No" : "Yes";
    case "short":
    case "none":
    case "eps":
    case "cps":
    case "reqps":
      return `${scaled(value, 1000, SI, "")}${SUFFIX[unit] ?? ""}`;
  }
}

function duration(seconds: number): string {
  const size = Math.abs(seconds);
  if (size === 0) return "0 s";
  if (size < 1e-3) return `${trimmed(seconds * 1e6)} µs`;
  if (size < 1) return `${trimmed(seconds * 1e3)} ms`;
  if (size < 120) return `${trimmed(seconds)} s`;
  if (size < 7200) return `${trimmed(seconds / 60)} min`;
  return `${trimmed(seconds / 3600)} h`;
}

function scaled(value: number, base: number, names: readonly string[], space: string): string {
  let rest = value;
  let step = 0;
  while (Math.abs(rest) >= base && step < names.length - 1) {
    rest /= base;
    step++;
  }
  return `${trimmed(rest)}${space}${names[step] ?? ""}`.trimEnd();
}

/** Three digits. */
function trimmed(value: number): string {
  return String(Number(value.toPrecision(3)));
}
