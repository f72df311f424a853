/**
 * Metrics as text, digit by digit as Python's prometheus_client prints them: labels in order of their names, floats with a point.
 * Pure. For programs that compare pages or hand them to Dynamo's runtime; `kvcast serve` has a registry of its own.
 */
import type { Family, Labels } from "../metrics/cell-metric.ts";
import { fullName, type MetricDefinition } from "../metrics/metric-definition.ts";

/** The text of all families, in the order of the definitions; a family without series has its head only. */
export function exposition(definitions: readonly MetricDefinition[], families: readonly Family[]): string {
  const byName = new Map(families.map((family) => [family.name, family]));
  let text = "";
  for (const definition of definitions) {
    const name = fullName(definition);
    text += `# HELP ${name} ${escapeHelp(definition.help)}\n# TYPE ${name} ${definition.type}\n`;
    const family = byName.get(definition.name);
    if (family === undefined) continue;
    text += "series" in family ? scalarLines(name, family) : histogramLines(name, definition.buckets ?? [], family);
  }
  return text;
}

function scalarLines(name: string, family: Extract<Family, { series: unknown }>): string {
  let text = "";
  for (const series of family.series()) {
    const value = series.read();
    if (value !== null) text += line(name, series.labels, value);
  }
  return text;
}

function histogramLines(
  name: string,
  bounds: readonly number[],
  family: Extract<Family, { histograms: unknown }>,
): string {
  let text = "";
  for (const series of family.histograms()) {
    const { labels } = series;
    const cells = new Float64Array(bounds.length + 2);
    series.addTo(cells);
    let count = 0;
    for (const [i, bound] of [...bounds, Infinity].entries()) {
      count += cells[i] ?? 0;
      text += line(`${name}_bucket`, { ...labels, le: pythonFloat(bound) }, count);
    }
    text += line(`${name}_count`, labels, count) + line(`${name}_sum`, labels, cells[bounds.length + 1] ?? 0);
  }
  return text;
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${pythonFloat(value)}\n`;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

/**
 * As Python prints a float, with what the client library makes of it: from a million on a positive number has an exponent
 * (`1.5e+06`), below it a point.
 */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const plain = pythonRepr(value);
  const point = plain.indexOf(".");
  if (value <= 0 || point <= 6 || plain.includes("e")) return plain;
  const digits = `${plain[0] ?? ""}.${plain.slice(1, point)}${plain.slice(point + 1)}`
    .replace(/0+$/, "")
    .replace(/\.$/, "");
  return `${digits}e+${String(point - 1).padStart(2, "0")}`;
}

/** `repr(float)`: the shortest digits that read back, with an exponent below 1e-4 and from 1e16 on. */
function pythonRepr(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits = "", exponent = ""] = value.toExponential().split("e");
    return `${digits}e${exponent.slice(0, 1)}${exponent.slice(1).padStart(2, "0")}`;
  }
  const text = String(value);
  return text.includes(".") ? text : `${text}.0`;
}
