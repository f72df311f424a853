/**
 * A second reader of exposition pages for tests, written with regular expressions against the two formats: slow, plain, and
 * without mercy. It shares nothing with the parser of the service.
 */
import assert from "node:assert/strict";

export interface StrictFamily {
  readonly type: string;
  readonly help: string | null;
  /** Series, labels sorted by name and values as they are escaped, to the rest of the line. */
  readonly samples: ReadonlyMap<string, string>;
}

export type Format = "text" | "openmetrics";

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"`;
const NUMBER = String.raw`[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf|infinity)|nan`;
const SAMPLE = new RegExp(`^(${NAME})(?:\\{((?:${LABEL}(?:,${LABEL})*)?)\\})? (${NUMBER})(?: (-?[\\d.]+))?$`, "i");
const HEAD = new RegExp(`^# (HELP|TYPE) (${NAME}) ?(.*)$`, "s");
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["", "_sum", "_count"],
};

/** Throws for anything that a strict reader of the format would not take. Families by name, in order. */
export function readStrictly(bytes: Uint8Array, format: Format = "text"): Map<string, StrictFamily> {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  if (text === "") return new Map();
  assert.ok(text.endsWith("\n"), "the page ends with a line feed");
  const lines = text.slice(0, -1).split("\n");
  if (format === "openmetrics") assert.equal(lines.pop(), "# EOF");
  const families = new Map<
    string,
    StrictFamily & { readonly samples: Map<string, string>; type: string; help: string | null }
  >();
  const series = new Set<string>();
  let current = "";
  const open = (name: string): void => {
    assert.ok(!families.has(name) || current === name, `${name} is in one piece`);
    if (current === name) return;
    families.set(name, { type: "", help: null, samples: new Map() });
    current = name;
  };
  for (const line of lines) {
    if (line === "" && format === "text") continue;
    const head = HEAD.exec(line);
    if (head !== null) {
      const [, kind = "", name = "", words = ""] = head;
      open(name);
      const family = families.get(name);
      assert.ok(family !== undefined && family.samples.size === 0, `${kind} of ${name} is before its samples`);
      if (kind === "HELP") {
        assert.equal(family.help, null, `one HELP of ${name}`);
        family.help = words;
      } else {
        assert.equal(family.type, "", `one TYPE of ${name}`);
        family.type = words;
      }
      continue;
    }
    const sample = SAMPLE.exec(line);
    assert.ok(sample !== null, `a sample: ${line}`);
    const [, name = "", labels = "", value = "", timestamp = ""] = sample;
    const family = families.get(current);
    assert.ok(family !== undefined && family.type !== "", `the family of ${name} is announced`);
    const suffixes = SUFFIXES[family.type] ?? [format === "openmetrics" && family.type === "counter" ? "_total" : ""];
    assert.ok(
      suffixes.some((suffix) => name === current + suffix),
      `${name} is of ${current}, a ${family.type}`,
    );
    const sorted = (labels.match(new RegExp(LABEL, "g")) ?? []).toSorted();
    const names = sorted.map((label) => label.slice(0, label.indexOf("=")));
    assert.equal(new Set(names).size, names.length, `labels once: ${line}`);
    const key = `${name}{${sorted.join(",")}}`;
    assert.ok(!series.has(key), `series once: ${key}`);
    series.add(key);
    family.samples.set(key, timestamp === "" ? value : `${value} ${timestamp}`);
  }
  return families;
}
