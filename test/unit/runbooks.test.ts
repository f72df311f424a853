/** Each alert has a runbook, with the same headings, and what it names is there: links, commands, options, metrics. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { knownMetrics } from "../../observe/known-metrics.ts";
import { ALERTS } from "../../observe/scenarios/test-file.ts";
import { optionsOf } from "../../src/main/cli/command-spec.ts";
import { COMMANDS } from "../../src/main/cli/commands/all.ts";
import type { HelpPage } from "../../src/main/cli/help.ts";
import { deadLinks } from "../support/markdown-links.ts";

const FOLDER = path.join(process.cwd(), "docs/runbooks");
const HEADINGS = [
  "What it means",
  "What users notice",
  "First three commands",
  "Likely causes, in order",
  "How to mitigate",
  "How to know that it is over",
];
const PAGES: Readonly<Record<string, HelpPage>> = Object.fromEntries(
  COMMANDS.map((spec) => [spec.name, { ...spec.page, options: optionsOf(spec) }]),
);
/** What answers at these ports: kvcast, and an engine or Dynamo's frontend. */
const PATHS: Readonly<Record<string, readonly string[]>> = {
  "8081": ["/metrics", "/health", "/ready", "/live"],
  "8000": ["/health", "/server_info", "/metrics"],
};
const KNOWN = knownMetrics(
  readFileSync(path.join(process.cwd(), "test/fixtures/trtllm/trtllm_prometheus_metrics.txt"), "utf8"),
);
/** As they stand on a page, with the parts of histograms, and those of Node and Dynamo that commands look for. */
const SERIES = Array.from(KNOWN, ([name, { type }]) =>
  type === "histogram" ? [`${name}_bucket{`, `${name}_sum{`, `${name}_count{`] : [`${name}{`],
).flat();

interface Runbook {
  readonly name: string;
  readonly file: string;
  readonly text: string;
}

const RUNBOOKS: readonly Runbook[] = readdirSync(FOLDER)
  .filter((name) => name !== "README.md")
  .map((name) => {
    const file = path.join(FOLDER, name);
    return { name: name.replace(/\.md$/, ""), file, text: readFileSync(file, "utf8") };
  });

function flagsOf(page: HelpPage): ReadonlySet<string> {
  const items = page.sections.flatMap(({ items: each }) => each.map(({ name }) => name.split(" ").at(-1) ?? ""));
  return new Set([...page.options.map(({ name }) => `--${name}`), ...items]);
}

test("each alert has one, and there are no others", () => {
  assert.deepEqual(RUNBOOKS.map(({ name }) => name).toSorted(), ALERTS.map(({ alert }) => alert).toSorted());
});

test("headings are the same, in order, with something under each; the severity is that of the rule", () => {
  for (const { name, text } of RUNBOOKS) {
    const parts = text.split(/^## /m);
    assert.equal(parts[0], `# ${name}\n\nSeverity: ${ALERTS.find(({ alert }) => alert === name)?.severity}\n\n`);
    assert.deepEqual(
      parts.slice(1).map((part) => part.split("\n")[0]),
      HEADINGS,
      name,
    );
    for (const part of parts.slice(1))
      assert.ok(part.split("\n").slice(1).join(" ").trim().length > 15, `${name}: ${part}`);
    assert.match(parts[4] ?? "", /^1\. /m, name);
  }
});

test("three commands, which exist, with options and addresses that exist", () => {
  for (const { name, text } of RUNBOOKS) {
    const commands = /```sh\n([\s\S]*?)\n```/.exec(text)?.[1]?.split("\n") ?? [];
    assert.equal(commands.length, 3, name);
    assert.equal(new Set(commands).size, 3, name);
    for (const command of commands) {
      for (const part of command.split(/ \| (?=grep|jq)/)) assertCommand(part, `${name}: ${command}`);
    }
  }
});

function assertCommand(command: string, where: string): void {
  const words = command.split(" ");
  switch (words[0] ?? "") {
    case "kvcast": {
      const page = PAGES[words[1] ?? ""];
      assert.ok(page !== undefined, where);
      for (const word of words.filter((each) => each.startsWith("--")))
        assert.ok(flagsOf(page).has(word), `${where}: ${word}`);
      return;
    }
    case "curl": {
      const url = new URL(words.at(-1) ?? "");
      assert.ok(PATHS[url.port]?.includes(url.pathname), where);
      return;
    }
    case "grep": {
      const pattern = /^grep -E '(.*)'$/.exec(command)?.[1] ?? "";
      // Every alternative finds something.
      for (const each of alternatives(pattern)) {
        assert.ok(
          SERIES.some((series) => new RegExp(each).test(series)),
          `${where}: nothing is like ${each}`,
        );
      }
      return;
    }
    case "date":
      return;
    default:
      assert.fail(where);
  }
}

/** `^a_(b|c)` means `^a_b` and `^a_c`. */
function alternatives(pattern: string): readonly string[] {
  const group = /^([^(]*)\(([^()]*)\)(\??)(.*)$/.exec(pattern);
  if (group === null) return pattern.split("|");
  const [, before = "", inner = "", optional, after = ""] = group;
  const prefix = before.slice(before.lastIndexOf("|") + 1);
  const others = before.includes("|") ? before.slice(0, before.lastIndexOf("|")).split("|") : [];
  const cut = after.indexOf("|");
  const suffix = cut === -1 ? after : after.slice(0, cut);
  const rest = cut === -1 ? [] : alternatives(after.slice(cut + 1));
  const own = (optional === "?" ? [""] : inner.split("|")).map((each) => prefix + each + suffix);
  return [...others, ...own, ...rest];
}

test("links, options and metrics that they name are there", () => {
  const options = new Set(Object.values(PAGES).flatMap((page) => [...flagsOf(page)]));
  for (const { name, file, text } of RUNBOOKS) {
    assert.deepEqual(deadLinks(file), [], name);
    for (const [option] of text.matchAll(/--[a-z][a-z-]+/g)) assert.ok(options.has(option), `${name}: ${option}`);
    for (const [, metric = ""] of text.matchAll(/`((?:kvcast|trtllm|dynamo)_[a-z_0-9]+)[`{]/g)) {
      assert.ok(KNOWN.has(metric), `${name}: ${metric}`);
    }
  }
  for (const page of ["docs/runbooks/README.md", "docs/observability.md", "README.md"]) {
    assert.deepEqual(deadLinks(path.join(process.cwd(), page)), [], page);
  }
});

test("what the reference's guide to troubleshooting covers is covered", () => {
  const all = RUNBOOKS.map(({ text }) => text).join("\n");
  for (const words of [
    "ZMQ publishing fails",
    "Events come and are filtered",
    "the engine has none",
    "probes of an engine failed",
  ]) {
    assert.ok(all.includes(words), words);
  }
});
