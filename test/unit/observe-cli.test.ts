/** `kvcast scrape-config`, `rules export` and `dashboards export`: each option, each form, and what is refused. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { runCli } from "../../src/main/cli/program.ts";
import {
  DASHBOARDS_OPTION_LIST,
  RULES_OPTION_LIST,
  SCRAPE_OPTION_LIST,
} from "../../src/main/config/observe-options.ts";
import { BOARD_NAMES } from "../../src/main/observe/board-names.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(line: string, env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  let out = "";
  let err = "";
  const argv = line.split(" ");
  const code = await runCli({ argv, env, out: (text) => (out += text), err: (text) => (err += text) });
  return { code, out, err };
}

async function yaml(line: string, env: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const ran = await run(line, env);
  assert.deepEqual([ran.code, ran.err], [0, ""], line);
  return parse(ran.out);
}

function folder(t: TestContext): string {
  const made = mkdtempSync(path.join(tmpdir(), "kvcast-observe-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

interface Job {
  readonly job_name: string;
  readonly metrics_path?: string;
  readonly scheme?: string;
  readonly static_configs: readonly { readonly targets: readonly string[]; readonly labels?: unknown }[];
}

async function jobs(line: string, env: Readonly<Record<string, string>> = {}): Promise<readonly Job[]> {
  return ((await yaml(line, env)) as { scrape_configs: readonly Job[] }).scrape_configs;
}

async function target(line: string, env: Readonly<Record<string, string>> = {}): Promise<string | undefined> {
  return (await jobs(line, env))[0]?.static_configs[0]?.targets[0];
}

function shipped(name: string): string {
  return readFileSync(path.join(process.cwd(), "deploy/grafana", name), "utf8");
}

test("a service that is configured nowhere is scraped where it listens", async () => {
  assert.deepEqual(await jobs("scrape-config"), [
    { job_name: "kvcast", metrics_path: "/metrics", static_configs: [{ targets: ["127.0.0.1:8081"] }] },
  ]);
});

test("host and port come from flags, variables and the file, as those of the service", async (t) => {
  const file = path.join(folder(t), "kvcast.yaml");
  writeFileSync(file, "engine: http://127.0.0.1:8000\nsystem-port: 7001\n");
  assert.equal(await target(`scrape-config --config ${file}`), "127.0.0.1:7001");
  assert.equal(
    await target("scrape-config", { DYN_SYSTEM_PORT: "7002", DYN_SYSTEM_HOST: "10.1.2.3" }),
    "10.1.2.3:7002",
  );
  assert.equal(await target("scrape-config --system-port 7003 --system-host ::1"), "[::1]:7003");
  assert.equal(await target("scrape-config --system-host 0.0.0.0"), `${hostname()}:8081`);
  assert.equal(await target("scrape-config --target w3:9000"), "w3:9000");
  // A whole line of a service is taken.
  const line =
    "--engine http://127.0.0.1:8000 --sink both --worker-id 1 --state-dir /x --engine-header-file /not/there";
  assert.equal(await target(`scrape-config ${line}`), "127.0.0.1:8081");
});

test("engines have jobs of their own only where kvcast does not show their metrics", async () => {
  const engines =
    "--engine a=https://x.example/base/ --engine http://127.0.0.1:8000 --engine b=http://h:1 --engine synthetic:";
  assert.equal((await jobs(`scrape-config ${engines}`)).length, 1);
  const [, secure, plain, ...none] = await jobs(`scrape-config ${engines} --engine-metrics off`);
  assert.deepEqual(secure, {
    job_name: "kvcast-engine",
    scheme: "https",
    metrics_path: "/base/prometheus/metrics",
    static_configs: [{ targets: ["x.example:443"], labels: { engine: "a" } }],
  });
  assert.deepEqual(
    [plain?.job_name, plain?.static_configs],
    [
      "kvcast-engine-2",
      [
        { targets: ["127.0.0.1:8000"], labels: { engine: "engine1" } },
        { targets: ["h:1"], labels: { engine: "b" } },
      ],
    ],
  );
  assert.deepEqual(none, []);
});

test("name, interval and NATS exporter", async () => {
  const made = (await yaml("scrape-config --name side --interval 30 --nats-exporter n:7777")) as {
    global: unknown;
    scrape_configs: readonly Job[];
  };
  assert.deepEqual(made.global, { scrape_interval: "30s", scrape_timeout: "10s", evaluation_interval: "15s" });
  assert.deepEqual(
    made.scrape_configs.map((job) => job.job_name),
    ["side", "nats"],
  );
});

test("objects for the operator name the port, and the label that jobs are called after", async () => {
  for (const [format, kind, key] of [
    ["pod-monitor", "PodMonitor", "podMetricsEndpoints"],
    ["service-monitor", "ServiceMonitor", "endpoints"],
  ] as const) {
    const made = (await yaml(`scrape-config --format ${format} --name side --system-port 9000 --interval 15`)) as {
      kind: string;
      spec: Readonly<Record<string, unknown>>;
    };
    assert.equal(made.kind, kind);
    assert.deepEqual(made.spec, {
      jobLabel: "app.kubernetes.io/name",
      selector: { matchLabels: { "app.kubernetes.io/name": "side" } },
      [key]: [{ targetPort: 9000, path: "/metrics", interval: "15s", scrapeTimeout: "10s" }],
    });
  }
});

test("rules: jobs, runbooks, forms and files", async (t) => {
  const plain = await run("rules export");
  assert.equal(plain.out, readFileSync(path.join(process.cwd(), "deploy/prometheus/rules/kvcast.yml"), "utf8"));
  const other = await run(
    "rules export --job side|con --dynamo-job dyn.* --runbook-url https://w.example/rb/ --name side",
  );
  assert.ok(other.out.includes('up{job=~"side|con"} == 0') && !other.out.includes(".*kvcast.*"));
  assert.ok(other.out.includes('dynamo_frontend_requests_total{job=~"dyn.*"}'));
  assert.ok(other.out.includes("runbook_url: https://w.example/rb/KvcastTargetDown.md\n"));
  const object = (await yaml("rules export --format prometheus-rule --name side")) as Readonly<Record<string, unknown>>;
  assert.deepEqual(
    [object["kind"], object["metadata"]],
    ["PrometheusRule", { name: "side", labels: { "app.kubernetes.io/name": "side" } }],
  );
  assert.deepEqual(object["spec"], parse(plain.out));
  const file = path.join(folder(t), "new/rules.yml");
  assert.deepEqual(await run(`rules export --output ${file}`), { code: 0, out: "", err: `kvcast: wrote ${file}\n` });
  assert.equal(readFileSync(file, "utf8"), plain.out);
});

test("boards: all into a directory, one on stdout, or a ConfigMap each", async (t) => {
  const made = path.join(folder(t), "boards");
  assert.equal((await run(`dashboards export --output ${made}`)).code, 0);
  const names = BOARD_NAMES.map((name) => `kvcast-${name}.json`);
  assert.deepEqual(readdirSync(made).toSorted(), names.toSorted());
  for (const name of names) assert.equal(readFileSync(path.join(made, name), "utf8"), shipped(name));
  assert.equal((await run("dashboards export --board overview")).out, shipped("kvcast-overview.json"));
  const maps = parseAllDocuments((await run("dashboards export --format config-map --name side")).out).map(
    (document) => document.toJS() as { metadata: unknown; data: Readonly<Record<string, string>> },
  );
  assert.deepEqual(
    maps.map(({ metadata }) => metadata),
    BOARD_NAMES.map((name) => ({
      name: `side-dashboard-${name}`,
      labels: { "app.kubernetes.io/name": "side", grafana_dashboard: "1" },
    })),
  );
  const inside = maps.flatMap(({ data }) => Object.entries(data));
  assert.deepEqual(
    inside.map(([name, text]) => [name, JSON.parse(text)]),
    names.map((name) => [name, JSON.parse(shipped(name))]),
  );
  const other = JSON.parse((await run("dashboards export --board runtime --job a/b|c")).out) as {
    templating: { list: readonly { name: string; regex?: string }[] };
  };
  assert.equal(other.templating.list.find(({ name }) => name === "job")?.regex, String.raw`/^(?:a\/b|c)$/`);
});

test("boards: an alert that fires links to its runbook, where there is a place for these", async () => {
  const made = JSON.parse(
    (await run("dashboards export --board overview --runbook-url https://w.example/rb/")).out,
  ) as {
    panels: readonly { title: string; fieldConfig?: { defaults: { links?: readonly { url: string }[] } } }[];
  };
  const linked = made.panels.filter(({ fieldConfig }) => fieldConfig?.defaults.links !== undefined);
  assert.deepEqual(
    linked.map(({ title }) => title),
    ["Firing alerts"],
  );
  assert.equal(linked[0]?.fieldConfig?.defaults.links?.[0]?.url, "https://w.example/rb/${__field.labels.alertname}.md");
});

test("what is not allowed is refused with what is", async () => {
  for (const [line, code, message] of [
    ["scrape-config --system-port 0", 78, "--system-port: any free port is none that Prometheus could know"],
    ["scrape-config --system-port -1", 78, "there is no HTTP server to scrape; give a port, or --target HOST:PORT"],
    ["scrape-config --target nowhere", 78, "it takes host:port"],
    ["scrape-config --target h:70000", 78, "it takes host:port"],
    ["scrape-config --interval 0", 78, "--interval"],
    ["scrape-config --format xml", 78, "prometheus, pod-monitor, service-monitor"],
    ["scrape-config --nats-exporter x", 78, "it takes host:port"],
    ["rules export --job (", 78, "it takes a regular expression"],
    ["rules export --dynamo-job (?=a)b", 78, "it takes a regular expression"],
    ["rules export --runbook-url {{x}}", 78, "it takes a URL or path"],
    ["rules export --name Big", 78, "1 to 63 of a-z 0-9 and -"],
    ["rules export --format xml", 78, "file, prometheus-rule"],
    ["rules export --output /dev/null/x/y", 69, "/dev/null/x/y cannot be written"],
    ["rules", 2, "missing required argument 'export'"],
    ["rules print", 2, '"print" is nothing that rules can do; it can export'],
    ["dashboards export", 78, "name a directory, or one --board"],
    ["dashboards export --board none", 78, "overview, engines, pipeline, requests, runtime"],
    ["dashboards export --board overview --runbook-url {{x}}", 78, "it takes a URL or path"],
    ["dashboards export --format xml", 78, "file, config-map"],
  ] as const) {
    const ran = await run(line);
    assert.equal(ran.code, code, line);
    assert.equal(ran.out, "", line);
    assert.ok(ran.err.includes(message), `${line}: ${ran.err}`);
  }
});

test("help lists each option with what it takes and its default", async () => {
  for (const [name, options] of [
    ["scrape-config", SCRAPE_OPTION_LIST],
    ["rules", RULES_OPTION_LIST],
    ["dashboards", DASHBOARDS_OPTION_LIST],
  ] as const) {
    const { out, code } = await run(`help ${name}`);
    assert.equal(code, 0);
    assert.ok(out.startsWith("Examples:\n"));
    const flat = out.replaceAll(/\s+/g, " ");
    for (const option of options) {
      assert.ok(
        flat.includes(` --${option.name} ${option.type.placeholder} ${option.help} `),
        `${name} ${option.name}`,
      );
      if (option.default) assert.ok(flat.includes(` Default: ${option.default}.`), option.name);
    }
  }
});
