/** The Kubernetes manifests: against the API's types by the compiler, as kubectl renders them, and against each other. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import type { Deployment } from "kubernetes-types/apps/v1.js";
import { parse, parseAllDocuments } from "yaml";
import { requireTool } from "../support/tools.ts";

const FOLDER = path.join(process.cwd(), "deploy/kubernetes");
const MODULES = path.join(process.cwd(), "node_modules");
/** The most that all annotations of an object may have: `kubectl apply` keeps a copy of the object in one. */
const MAX_ANNOTATION_BYTES = 256 * 1024;

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

function documentsOf(text: string): readonly Manifest[] {
  return parseAllDocuments(text).map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS() as Manifest;
  });
}

function manifestsOf(file: string): readonly Manifest[] {
  return documentsOf(readFileSync(path.join(FOLDER, file), "utf8"));
}

const files = readdirSync(FOLDER).filter((name) => name !== "kustomization.yaml");
const manifests = files.flatMap(manifestsOf);

function only(kind: string): Manifest {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  assert.equal(found.length, 1, kind);
  return found[0] ?? assert.fail(kind);
}

/** Kinds of Kubernetes itself, and where their types are. Those of the operator are looked at below. */
const TYPED: Readonly<Record<string, string>> = { "v1 ConfigMap": "core/v1", "apps/v1 Deployment": "apps/v1" };
const OF_THE_OPERATOR = ["PodMonitor", "ServiceMonitor", "PrometheusRule"];

/** What the compiler says about the manifests as values of the API's types: unknown fields, wrong values, missing ones. */
function compilerSays(t: TestContext, values: readonly Manifest[]): string {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-manifests-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const lines = values.map((value, i) => {
    const where = TYPED[`${value.apiVersion} ${value.kind}`] ?? assert.fail(`${value.apiVersion} ${value.kind}`);
    const type = `import("kubernetes-types/${where}").${value.kind}`;
    return `export const manifest${i}: ${type} = ${JSON.stringify(value, null, 2)};`;
  });
  writeFileSync(path.join(folder, "manifests.ts"), `${lines.join("\n")}\n`);
  const compilerOptions = {
    strict: true,
    noEmit: true,
    module: "preserve",
    types: [],
    paths: { "kubernetes-types/*": [`${MODULES}/kubernetes-types/*`] },
  };
  writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["manifests.ts"] }));
  const compiler = path.join(MODULES, "typescript/bin/tsc");
  const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, "-p", folder], { encoding: "utf8" });
  assert.equal(stderr, "");
  assert.equal(status === 0, stdout === "");
  return stdout;
}

test("each manifest is of a kind that is looked at, and those of Kubernetes have its types", (t) => {
  const typed = manifests.filter(({ kind }) => !OF_THE_OPERATOR.includes(kind));
  assert.equal(typed.length, 7, "the sidecar's two, and five boards");
  assert.equal(compilerSays(t, typed), "");
  // The same look finds a field that is misspelt, one of another type, and one that is missing.
  const deployment = JSON.stringify(only("Deployment"));
  const breaks = [
    ['"readinessProbe"', '"readynessProbe"', /readynessProbe/u],
    ['"containerPort":8081', '"containerPort":"8081"', /'string' is not assignable to type 'number'/u],
    ['"selector":{"matchLabels":{"app":"trtllm"}},', "", /'selector' is missing/u],
  ] as const;
  const broken = breaks.map(([right, wrong]) => {
    assert.ok(deployment.includes(right), right);
    return JSON.parse(deployment.replace(right, wrong)) as Manifest;
  });
  const said = compilerSays(t, broken);
  for (const [, , says] of breaks) assert.match(said, says);
});

function byName(a: Manifest, b: Manifest): number {
  return `${a.kind} ${a.metadata.name}` < `${b.kind} ${b.metadata.name}` ? -1 : 1;
}

test("kubectl renders the kustomization: the files that it names, complete, and nothing else", (t) => {
  const kubectl = requireTool(t, "kubectl");
  if (kubectl === null) return;
  const rendered = documentsOf(execFileSync(kubectl, ["kustomize", FOLDER], { encoding: "utf8" }));
  const { resources } = parse(readFileSync(path.join(FOLDER, "kustomization.yaml"), "utf8")) as {
    readonly resources: readonly string[];
  };
  assert.deepEqual(rendered.toSorted(byName), resources.flatMap(manifestsOf).toSorted(byName));
  assert.deepEqual([...resources, "service-monitor.yaml"].toSorted(), files.toSorted());
});

test("the PodMonitor finds the pod of the sidecar and its port; the ServiceMonitor asks in the same way", () => {
  interface Endpoint {
    readonly targetPort: number;
    readonly path: string;
    readonly interval: string;
    readonly scrapeTimeout: string;
  }
  interface Monitor {
    readonly jobLabel: string;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly podMetricsEndpoints?: readonly Endpoint[];
    readonly endpoints?: readonly Endpoint[];
  }
  const { spec } = only("Deployment") as Deployment;
  const labels = spec?.template.metadata?.labels ?? {};
  const ports = spec?.template.spec?.containers.flatMap((container) => container.ports ?? []) ?? [];
  const pods = only("PodMonitor").spec as Monitor;
  const services = only("ServiceMonitor").spec as Monitor;
  for (const [name, value] of Object.entries(pods.selector.matchLabels)) assert.equal(labels[name], value);
  assert.ok(pods.jobLabel in labels, "otherwise the rules do not know the job");
  assert.equal(pods.podMetricsEndpoints?.length, 1);
  const [endpoint] = pods.podMetricsEndpoints;
  assert.ok(ports.some(({ containerPort }) => containerPort === endpoint?.targetPort));
  assert.deepEqual(services.endpoints, pods.podMetricsEndpoints);
});

test("the PrometheusRule has the rules of the rule file, which promtool has tested", () => {
  const rules = readFileSync(path.join(FOLDER, "../prometheus/rules/kvcast.yml"), "utf8");
  assert.deepEqual(only("PrometheusRule").spec, parse(rules));
});

test("each board is in a ConfigMap that Grafana's sidecar finds, and that kubectl apply takes", () => {
  const boards = readdirSync(path.join(FOLDER, "../grafana"));
  const maps = manifests.filter(({ metadata }) => metadata.labels?.["grafana_dashboard"] === "1");
  assert.deepEqual(maps.flatMap(({ data = {} }) => Object.keys(data)).toSorted(), boards.toSorted());
  for (const map of maps) {
    assert.ok(Buffer.byteLength(JSON.stringify(map)) < MAX_ANNOTATION_BYTES, map.metadata.name);
    for (const [name, text] of Object.entries(map.data ?? {})) {
      const board = readFileSync(path.join(FOLDER, "../grafana", name), "utf8");
      assert.deepEqual(JSON.parse(text), JSON.parse(board));
    }
  }
});
