/** Every `kvcast` line that a user may copy, from help pages, the README and docs, is one that kvcast takes: words, flags, values. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { mock, test } from "node:test";
import type { CommandCall } from "../../src/main/cli/command-spec.ts";
import { COMMANDS } from "../../src/main/cli/commands/all.ts";
import { ROOT_PAGE } from "../../src/main/cli/pages/root-page.ts";
import { runCli } from "../../src/main/cli/program.ts";
import { loadCheckConfig } from "../../src/main/config/load-check.ts";
import { loadClusterCommand } from "../../src/main/config/load-cluster.ts";
import { loadConsolidateConfig } from "../../src/main/config/load-consolidate.ts";
import { loadDoctorConfig } from "../../src/main/config/load-doctor.ts";
import { loadFloodConfig } from "../../src/main/config/load-flood.ts";
import { loadIndexConfig } from "../../src/main/config/load-index.ts";
import { loadDashboardsConfig, loadRulesConfig, loadScrapeConfig } from "../../src/main/config/load-observe.ts";
import { loadPerfConfig } from "../../src/main/config/load-perf.ts";
import { loadRecordConfig } from "../../src/main/config/load-record.ts";
import { loadReplayConfig } from "../../src/main/config/load-replay.ts";
import { loadSimConfig } from "../../src/main/config/load-sim.ts";
import { loadTailConfig } from "../../src/main/config/load-tail.ts";
import { loadTopConfig } from "../../src/main/config/load-top.ts";
import { loadServeConfig } from "../../src/main/config/load.ts";

const LOADERS: Readonly<Record<string, (call: CommandCall) => unknown>> = {
  serve: ({ flags, io }) => loadServeConfig(flags, io.env),
  consolidate: ({ flags, io }) => loadConsolidateConfig(flags, io.env),
  index: ({ flags, io }) => loadIndexConfig(flags, io.env),
  sim: ({ flags, io }) => loadSimConfig(flags, io.env),
  tail: ({ operands: [endpoint], flags, has }) =>
    loadTailConfig(endpoint, flags, {
      json: has("json"),
      stats: has("stats"),
      sync: has("sync"),
      tokens: has("tokens"),
    }),
  record: ({ operands: [file = ""], flags, has }) =>
    loadRecordConfig(file, flags, { withTokens: has("with-tokens"), json: has("json") }),
  replay: ({ operands: [source = ""], flags, has }) =>
    loadReplayConfig(source, flags, { json: has("json"), tokens: has("tokens") }),
  flood: ({ flags, operands, has }) => loadFloodConfig(flags, operands, has("json")),
  top: ({ operands: [url], flags, has }) => loadTopConfig(url, flags, { once: has("once"), json: has("json") }),
  perf: ({ operands: [url], flags, has }) => loadPerfConfig(url, flags, has("json"), "/v1/perf/requests"),
  check: ({ operands: [url], flags }) => loadCheckConfig(url, flags),
  doctor: ({ flags, io, has }) =>
    loadDoctorConfig(flags, io.env, { json: has("json"), strict: has("strict"), drain: has("drain") }),
  cluster: ({ operands: [word, level], flags, io, has }) =>
    loadClusterCommand(word as Parameters<typeof loadClusterCommand>[0], level ?? null, flags, io.env, has("json")),
  "scrape-config": ({ flags, io }) => loadScrapeConfig(flags, io.env),
  rules: ({ flags }) => loadRulesConfig(flags),
  dashboards: ({ flags }) => loadDashboardsConfig(flags),
};

/** A call of kvcast in a piece of shell: its words, and the variables that are set for it. */
interface Call {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * What kvcast would be called with, if this ran in that folder. Nothing else is run: there is no PATH. Each shell writes a file of
 * its own, since a call in the background goes on beside the next one.
 */
function callsIn(shell: string, folder: string): readonly Call[] {
  const records = path.join(folder, "calls");
  rmSync(records, { recursive: true, force: true });
  mkdirSync(records);
  const stub = `kvcast() { { printf '%s\\n' "\${!KVCAST_@}" "\${!DYN_@}" | while read -r name; do
    [ -n "$name" ] && printf '%s=%s\\0' "$name" "\${!name}"; done; printf '\\1\\0'; printf '%s\\0' "$@"; printf '\\2\\0'; } >> calls/$BASHPID; }`;
  spawnSync("/bin/bash", ["--norc", "-c", `${stub}\n${shell}\nwait`], { cwd: folder, env: { PATH: "" } });
  return readdirSync(records)
    .map((name) => readFileSync(path.join(records, name), "utf8"))
    .join("")
    .split("\u0002\0")
    .slice(0, -1)
    .map((call) => {
      const [variables = "", words = ""] = call.split("\u0001\0");
      return {
        argv: words.split("\0").slice(0, -1),
        env: Object.fromEntries(variables.split("\0").slice(0, -1).map(nameAndValue)),
      };
    });
}

function nameAndValue(text: string): [string, string] {
  const at = text.indexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Lines that stand for many, and those with an answer of another command in them. */
function isIncomplete(line: string): boolean {
  return line.includes("…") || line.includes("$(") || line.startsWith("alias ");
}

/** Blocks of shell in a page. */
function shellIn(page: string): readonly string[] {
  return [...page.matchAll(/```(?:sh|bash|shell)\n([\s\S]*?)```/g)].map(([, block = ""]) =>
    block
      .replaceAll(/\\\n\s*/g, " ")
      .split("\n")
      .filter((line) => !isIncomplete(line))
      .join("\n"),
  );
}

test("every line of kvcast that users may copy is taken", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-examples-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  // Files that examples name, as a user has them.
  writeFileSync(path.join(folder, "kvcast.yaml"), "engine: http://127.0.0.1:8000\n");
  const secret = path.join(folder, "secret");
  writeFileSync(secret, "Authorization: Bearer x\n", { mode: 0o600 });
  for (const spec of COMMANDS) {
    mock.method(spec, "run", async (call: CommandCall) => {
      await LOADERS[spec.name]?.(call);
      return 0;
    });
  }
  t.after(() => mock.restoreAll());
  const pages = ["README.md", ...readdirSync("docs").map((name) => path.join("docs", name))].filter((name) =>
    name.endsWith(".md"),
  );
  const sources = new Map(pages.map((name) => [name, shellIn(readFileSync(name, "utf8"))]));
  for (const { name, page } of [{ name: "", page: ROOT_PAGE }, ...COMMANDS]) {
    sources.set(
      `kvcast help ${name}`,
      page.examples.map(({ command }) => command.join(" ")).filter((command) => !isIncomplete(command)),
    );
  }
  const refused: string[] = [];
  let taken = 0;
  for (const [source, blocks] of sources) {
    for (const block of blocks) {
      for (const { argv, env } of callsIn(block, folder)) {
        let said = "";
        const io = {
          argv: argv.map(inFolder),
          env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, inFolder(value)])),
          out: () => {},
          err: (text: string) => (said += text),
        };
        const code = await runCli(io);
        // A file that the user has: what stands before it, and its option, was taken.
        if (code === 0 || said.includes("ENOENT")) taken++;
        else refused.push(`${source}: kvcast ${argv.join(" ")}: ${said}`);
      }
    }
  }
  assert.deepEqual(refused, []);
  assert.ok(taken > 80, `${taken}`);

  function inFolder(word: string): string {
    if (/^\/(?:run|etc)\//.test(word)) return secret;
    return word === "kvcast.yaml" ? path.join(folder, word) : word;
  }
});
