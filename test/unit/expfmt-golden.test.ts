/**
 * The recorded cases of Dynamo's Prometheus helpers, against the library functions of the same names.
 *
 * Python's client prints the texts of the fixtures; here they are what a registry prints. All texts must be equal byte for
 * byte. Messages are our own: of those the level counts, and that they name what they are about.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { Gauge, Registry } from "prom-client";
import { parseMetrics } from "../../src/main/flood/metrics-text.ts";
import {
  type EngineMetricsOptions,
  type ExpfmtCallback,
  type ExpfmtLog,
  getPrometheusExpfmt,
  registerEngineMetricsCallback,
  RuntimeMetrics,
} from "../../src/main/lib.ts";
import { parsePage, refusedOf } from "../support/page-view.ts";

interface PythonOptions {
  readonly metric_prefix_filters?: readonly string[];
  readonly exclude_prefixes?: readonly string[];
  readonly add_prefix?: string;
  readonly inject_custom_labels?: Readonly<Record<string, string>>;
  readonly namespace_name?: string;
  readonly component_name?: string;
  readonly endpoint_name?: string;
  readonly model_name?: string;
}
interface FilterCase {
  readonly name: string;
  readonly text: string;
  readonly options: PythonOptions;
  readonly v1?: string;
  readonly v0?: string;
}
interface Exposition {
  readonly name: string;
  readonly inject: Readonly<Record<string, string>> | null;
  readonly filters?: readonly string[];
  readonly text?: string;
  readonly text_equals_plain?: boolean;
}
interface CallbackCase {
  readonly name: string;
  readonly connection_id: number | null;
  readonly options: PythonOptions;
  readonly n_callbacks: number;
  readonly text: string;
  readonly logs: readonly (readonly [string, string])[];
}

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(path.join(process.cwd(), "test/fixtures/dynamo", name), "utf8"));
}

/** The options under their names here; one that is not given is not there. */
function named(options: PythonOptions): Partial<EngineMetricsOptions> {
  const names = {
    metric_prefix_filters: "metricPrefixFilters",
    exclude_prefixes: "excludePrefixes",
    add_prefix: "addPrefix",
    inject_custom_labels: "injectCustomLabels",
    namespace_name: "namespaceName",
    component_name: "componentName",
    endpoint_name: "endpointName",
    model_name: "modelName",
  } as const;
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [names[name as keyof typeof names], value]));
}

class Messages implements ExpfmtLog {
  readonly all: [string, string][] = [];
  debug(message: string): void {
    this.all.push(["DEBUG", message]);
  }
  warn(message: string): void {
    this.all.push(["WARNING", message]);
  }
  error(message: string): void {
    this.all.push(["ERROR", message]);
  }
}

const filterCases = (fixture("golden_expfmt_filter.json") as { cases: readonly FilterCase[] }).cases;
const labels = fixture("golden_label_injection.json") as {
  expositions: readonly Exposition[];
  register_callback: readonly CallbackCase[];
};
const plain = labels.expositions.find(({ name }) => name === "plain")?.text ?? "";
const gauges = fixture("golden_component_gauges.json") as { before_any_set: string; after_set: string };

assert.equal(filterCases.length, 15);
for (const { name, text, options, v1, v0 } of filterCases) {
  test(`filter: ${name}`, async () => {
    const ours = await getPrometheusExpfmt({ metrics: () => text }, named(options));
    assert.ok(v1 !== undefined || v0 !== undefined);
    if (v1 !== undefined) assert.equal(ours, v1);
    if (v0 !== undefined) assert.equal(ours, v0);
  });
}

test("filter: a registry that throws gives nothing, and the log says why", async () => {
  const log = new Messages();
  const registry = {
    metrics(): string {
      throw new Error("no multiprocess directory");
    },
  };
  assert.equal(await getPrometheusExpfmt(registry, { log }), "");
  assert.equal(await getPrometheusExpfmt({ metrics: () => Promise.reject(new Error("late")) }, { log }), "");
  assert.deepEqual(
    log.all.map(([level]) => level),
    ["ERROR", "ERROR"],
  );
  assert.match(log.all[0]?.[1] ?? "", /no multiprocess directory/);
});

assert.equal(labels.expositions.length, 4);
for (const { name, inject, filters, text, text_equals_plain } of labels.expositions) {
  test(`injection: ${name}`, async () => {
    const log = new Messages();
    const ours = await getPrometheusExpfmt(
      { metrics: () => plain },
      { log, ...(inject && { injectLabels: inject }), ...(filters && { metricPrefixFilters: filters }) },
    );
    assert.equal(ours, text_equals_plain === true ? plain : text);
    assert.equal(log.all.length, name === "inject_reserved_le" ? 1 : 0);
  });
}

/** What the recorded callbacks print. */
const REGISTRY = {
  metrics: (): string =>
    '# HELP trtllm_g G\n# TYPE trtllm_g gauge\ntrtllm_g{model="engine"} 1.0\n# HELP py_g P\n# TYPE py_g gauge\npy_g 1.0\n',
};

assert.equal(labels.register_callback.length, 8);
for (const { name, connection_id: id, options, n_callbacks, text, logs } of labels.register_callback) {
  test(`callback: ${name}`, async () => {
    const log = new Messages();
    const callbacks: ExpfmtCallback[] = [];
    const metrics = new RuntimeMetrics({ log });
    registerEngineMetricsCallback({
      ...named(options),
      registry: REGISTRY,
      log,
      endpoint: {
        metrics: {
          registerPrometheusExpfmtCallback(callback): void {
            callbacks.push(callback);
            metrics.registerPrometheusExpfmtCallback(callback);
          },
        },
        connectionId(): number {
          if (id === null) throw new Error("no id");
          return id;
        },
      },
    });
    assert.equal(callbacks.length, n_callbacks);
    assert.equal(await callbacks[0]?.(), text);
    assert.deepEqual(
      log.all.map(([level]) => level),
      logs.map(([level]) => level),
    );
    for (const [i, [, theirs]] of logs.entries()) {
      // The label, or the error, that the message is about.
      const about = /Custom label '(\w+)'|names: \{'(\w+)'\}|: (no id)$/.exec(theirs)?.slice(1).find(Boolean) ?? "";
      assert.ok(about !== "" && log.all[i]?.[1].includes(about), `${about}: ${log.all[i]?.[1] ?? ""}`);
    }
    // The page of the endpoint is that of its one callback.
    assert.equal(await metrics.prometheusExpfmt(), text);
  });
}

test("component gauges: families without a sample go through the merge, and those with one", async () => {
  for (const text of [gauges.before_any_set, gauges.after_set]) {
    const metrics = new RuntimeMetrics();
    metrics.registerPrometheusExpfmtCallback(() => text);
    assert.equal(await metrics.prometheusExpfmt(), text);
    const filtered = await getPrometheusExpfmt({ metrics: () => text }, { metricPrefixFilters: ["dynamo_component_"] });
    assert.equal(filtered, text);
    assert.deepEqual(refusedOf(parsePage(text).refused), {});
  }
});

test("component gauges: prom-client's registry prints the same families, types, helps and samples", async () => {
  const registry = new Registry();
  const expected = parseMetrics(gauges.after_set);
  const made = new Map(
    Array.from(expected.types.keys(), (name) => {
      const labelNames = name.endsWith("load_time_seconds")
        ? ["model", "dynamo_component"]
        : ["model", "dynamo_component", "dp_rank"];
      return [name, new Gauge({ name, help: expected.help.get(name) ?? "", labelNames, registers: [registry] })];
    }),
  );
  const before = parsePage(await getPrometheusExpfmt(registry));
  assert.deepEqual(before, { ...parsePage(gauges.before_any_set), bytes: before.bytes });
  const place = { model: "Qwen/Qwen3-0.6B", dynamo_component: "backend" };
  made.get("dynamo_component_total_blocks")?.set({ ...place, dp_rank: "0" }, 1000);
  made.get("dynamo_component_gpu_cache_usage_percent")?.set({ ...place, dp_rank: "0" }, 0.25);
  made.get("dynamo_component_model_load_time_seconds")?.set(place, 12.5);
  const after = parseMetrics((await getPrometheusExpfmt(registry)).replaceAll("\n\n", "\n"));
  assert.deepEqual(after.samples, expected.samples);
  assert.deepEqual(after.types, expected.types);
  assert.deepEqual(after.help, expected.help);
});
