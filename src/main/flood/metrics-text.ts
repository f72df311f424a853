/**
 * A small parser of the Prometheus text format: the page as a map from `name{label="value",…}`, labels sorted, to value.
 * It is written against the format, not against the library that prints it, and refuses whatever it does not know.
 */
export interface MetricsPage {
  /** Value by series, for example `kvcast_source_up{engine="engine0",kind="http"}`. */
  readonly samples: ReadonlyMap<string, number>;
  /** `counter`, `gauge`, `histogram` … by family. */
  readonly types: ReadonlyMap<string, string>;
  readonly help: ReadonlyMap<string, string>;
  /** The value of one series; throws when the page has none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number;
  has(name: string, labels?: Readonly<Record<string, string>>): boolean;
  /** Sum over all series of this name whose labels include these. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
}

const NAME = /^[A-Za-z_:][\w:]*/u;
const LABEL = /^([A-Za-z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(,|\})/u;

function seriesKey(name: string, labels: Readonly<Record<string, string>>): string {
  const parts = Object.keys(labels)
    .toSorted()
    .map((label) => `${label}=${JSON.stringify(labels[label])}`);
  return parts.length === 0 ? name : `${name}{${parts.join(",")}}`;
}

function parseValue(text: string, line: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  if (text === "-Inf") return Number.NEGATIVE_INFINITY;
  if (text.toLowerCase() === "nan") return Number.NaN;
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/u.test(text)) throw new Error(`not a value: ${line}`);
  return Number(text);
}

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

function parseSample(line: string): Sample {
  const name = NAME.exec(line)?.[0];
  if (name === undefined) throw new Error(`no metric name: ${line}`);
  let rest = line.slice(name.length);
  const labels: Record<string, string> = {};
  if (rest.startsWith("{")) {
    rest = rest.slice(1);
    for (let more = true; more;) {
      const match = LABEL.exec(rest);
      if (match === null) throw new Error(`bad labels: ${line}`);
      const [all, label = "", value = "", end] = match;
      if (label in labels) throw new Error(`label ${label} twice: ${line}`);
      labels[label] = value.replaceAll(/\\(.)/gu, (_, char: string) => (char === "n" ? "\n" : char));
      rest = rest.slice(all.length);
      more = end === ",";
    }
  }
  if (!rest.startsWith(" ")) throw new Error(`no space before the value: ${line}`);
  return { name, labels, value: parseValue(rest.slice(1), line) };
}

export function parseMetrics(text: string): MetricsPage {
  if (!text.endsWith("\n")) throw new Error("the page does not end with a newline");
  const list: Sample[] = [];
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  const help = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, kind, name = "", words = ""] = /^# (HELP|TYPE) (\S+) (.*)$/u.exec(line) ?? [];
    if (kind !== undefined) {
      const heads = kind === "HELP" ? help : types;
      if (heads.has(name)) throw new Error(`two ${kind} lines of ${name}`);
      heads.set(name, words);
    } else if (line !== "") {
      const sample = parseSample(line);
      const key = seriesKey(sample.name, sample.labels);
      if (samples.has(key)) throw new Error(`series twice: ${line}`);
      samples.set(key, sample.value);
      list.push(sample);
    }
  }
  return {
    samples,
    types,
    help,
    value: (name, labels = {}) => {
      const value = samples.get(seriesKey(name, labels));
      if (value === undefined) throw new Error(`no series ${seriesKey(name, labels)}`);
      return value;
    },
    has: (name, labels = {}) => samples.has(seriesKey(name, labels)),
    sum: (name, labels = {}) =>
      list
        .filter((one) => one.name === name && Object.entries(labels).every(([k, v]) => one.labels[k] === v))
        .reduce((total, one) => total + one.value, 0),
  };
}
