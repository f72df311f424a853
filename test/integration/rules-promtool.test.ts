/** The rules, their scenarios and the scrape configurations that are shipped, checked by Prometheus' own tool. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { parse } from "yaml";
import { runCli } from "../../src/main/cli/program.ts";
import { requireTool } from "../support/tools.ts";

const FOLDER = path.join(process.cwd(), "deploy/prometheus");
const RULES = path.join(FOLDER, "rules/kvcast.yml");

interface Ran {
  readonly code: number;
  readonly said: string;
}

function run(program: string, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(program, args, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), said: out + err }),
    );
  });
}

async function ok(program: string, args: readonly string[]): Promise<string> {
  const { code, said } = await run(program, args);
  assert.equal(code, 0, `${args.join(" ")}:\n${said}`);
  return said;
}

function folder(t: TestContext): string {
  const made = mkdtempSync(path.join(tmpdir(), "kvcast-rules-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

async function printed(...argv: string[]): Promise<string> {
  let out = "";
  const code = await runCli({ argv, env: {}, out: (text) => (out += text), err: () => {} });
  assert.equal(code, 0, argv.join(" "));
  return out;
}

test("promtool check rules has nothing to say, also for other jobs and inside a PrometheusRule", async (t) => {
  const promtool = requireTool(t, "promtool");
  if (promtool === null) return;
  const made = folder(t);
  const object = parse(await printed("rules", "export", "--format", "prometheus-rule")) as { spec: unknown };
  writeFileSync(path.join(made, "object.yml"), JSON.stringify(object.spec));
  const jobs = ["--job", String.raw`a"b\d+|c`, "--dynamo-job", "$&", "--runbook-url", "https://wiki.example/x/"];
  writeFileSync(path.join(made, "jobs.yml"), await printed("rules", "export", ...jobs));
  for (const file of [RULES, path.join(made, "object.yml"), path.join(made, "jobs.yml")]) {
    await ok(promtool, ["check", "rules", "--lint=all", "--lint-fatal", file]);
  }
});

test("every scenario: each alert fires when it should, and is silent when it should", async (t) => {
  const promtool = requireTool(t, "promtool");
  if (promtool === null) return;
  const tests = readdirSync(path.join(FOLDER, "tests")).map((name) => path.join(FOLDER, "tests", name));
  assert.ok(tests.length >= 5);
  await Promise.all(tests.map((file) => ok(promtool, ["test", "rules", file])));
});

test("scenarios are worth something: without its rules none that fires is found", async (t) => {
  const promtool = requireTool(t, "promtool");
  if (promtool === null) return;
  const made = folder(t);
  const file = path.join(made, "none.yml");
  writeFileSync(file, JSON.stringify({ groups: [{ name: "none", rules: [{ record: "a:b:c", expr: "vector(1)" }] }] }));
  const service = readFileSync(path.join(FOLDER, "tests/service.test.yml"), "utf8").replace(
    "../rules/kvcast.yml",
    file,
  );
  writeFileSync(path.join(made, "service.test.yml"), service);
  const { code, said } = await run(promtool, ["test", "rules", path.join(made, "service.test.yml")]);
  assert.notEqual(code, 0);
  assert.equal(said.split(" fires: ").length - 1, service.split(" fires: ").length - 1);
  assert.equal(said.split(" is silent: ").length - 1, 0);
});

test("Prometheus takes the scrape configurations", async (t) => {
  const promtool = requireTool(t, "promtool");
  if (promtool === null) return;
  await ok(promtool, ["check", "config", "--lint=all", path.join(FOLDER, "prometheus.yml")]);
  const made = folder(t);
  const engines = [
    "--engine",
    "a=https://x.example/base/",
    "--engine",
    "b=http://[::1]:8000",
    "--engine",
    "synthetic:?rate=1",
  ];
  const rest = ["--engine-metrics", "off", "--nats-exporter", "n:7777", "--interval", "300", "--system-host", "::"];
  writeFileSync(path.join(made, "prometheus.yml"), await printed("scrape-config", ...engines, ...rest));
  await ok(promtool, ["check", "config", "--lint=all", "--syntax-only", path.join(made, "prometheus.yml")]);
});
