/** The probes of the Kubernetes example ask what kvcast answers, as patiently as its own timings demand; so says docs/health.md. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import { loadServeConfig } from "../../src/main/config/load.ts";
import type { LoadedConfig } from "../../src/main/config/config.ts";
import { DRAIN_MS, PROBE_OUTCOMES } from "../../src/main/health/canary-client.ts";
import { ECHO_MS } from "../../src/main/health/canary.ts";
import { QUIET_PATIENCE, REACHABLE_PATIENCE } from "../../src/main/health/engine-health.ts";
import { MAX_SKEW_SECONDS, NEARLY_FULL } from "../../src/main/health/event-watch.ts";
import { MAX_RESPONSE_BYTES } from "../../src/main/health/first-response.ts";
import { CHECK_NAMES } from "../../src/main/health/health-report.ts";
import { PROBE_STATES } from "../../src/main/health/state-table.ts";
import { SHUTDOWN_DEADLINE_MS } from "../../src/main/service.ts";

function read(name: string): string {
  return readFileSync(path.join(process.cwd(), name), "utf8");
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
  readonly successThreshold?: number;
}

interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
}

interface Pod {
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly Container[];
}

const documents = parseAllDocuments(read("deploy/kubernetes/sidecar.yaml")).map((document) => {
  assert.deepEqual(document.errors, []);
  return document.toJS() as unknown;
});
const pod = (documents[1] as { readonly spec: { readonly template: { readonly spec: Pod } } }).spec.template.spec;
const kvcast = pod.containers.find(({ name }) => name === "kvcast") ?? assert.fail("no kvcast");
const options = (documents[0] as { readonly data: { readonly "options.yaml": string } }).data["options.yaml"];

/** How long the main thread must stand still to be told, and how long that is told then: `src/workers/main-watch.ts`. */
const STALL_MS = 1500;
const STALL_TOLD_MS = 500;

function s(ms: number): string {
  return `${ms / 1000} s`;
}

async function loaded(): Promise<LoadedConfig> {
  const [command, ...flags] = kvcast.args;
  assert.equal(command, "serve");
  const given = flags.map((flag) => {
    const [, name = "", value = ""] = /^--([^=]+)=(.*)$/.exec(flag) ?? assert.fail(flag);
    return [name, [value]] as const;
  });
  return loadServeConfig(new Map(given), {});
}

test("the flags of the example are accepted, and its probes ask on the paths and the port that they set", async () => {
  const { config } = await loaded();
  const port = kvcast.ports.find(({ name }) => name === "system")?.containerPort;
  assert.equal(config.systemPort, port);
  assert.notEqual(config.systemHost, "127.0.0.1", "the kubelet asks from outside of the pod");
  for (const [probe, route] of [
    [kvcast.startupProbe, config.probes.livePath],
    [kvcast.livenessProbe, config.probes.livePath],
    [kvcast.readinessProbe, config.probes.readyPath],
  ] as const) {
    assert.deepEqual(probe.httpGet, { path: route, port: "system" });
    assert.ok(probe.timeoutSeconds <= probe.periodSeconds);
  }
  assert.match(options, new RegExp(`tokens_per_block: ${config.kvBlockSizeTokens}$`, "m"));
  assert.match(options, /event_buffer_max_size: [1-9]/);
});

test("one stall of the main thread fails one liveness probe at most, and a thread that stays still is restarted", () => {
  const { periodSeconds, timeoutSeconds, failureThreshold } = kvcast.livenessProbe;
  // A probe that comes during the stall waits for its end, or for its own.
  assert.ok(periodSeconds * 1000 > STALL_TOLD_MS);
  assert.ok(timeoutSeconds * 1000 > STALL_MS);
  assert.ok(failureThreshold >= 2);
  assert.ok(periodSeconds * failureThreshold <= 30);
});

test("the start has time, the end too, and readiness adds no patience to that of the checks", () => {
  const { startupProbe, readinessProbe } = kvcast;
  assert.ok(startupProbe.periodSeconds * startupProbe.failureThreshold >= 30);
  assert.ok(pod.terminationGracePeriodSeconds * 1000 > 2 * SHUTDOWN_DEADLINE_MS);
  assert.deepEqual([readinessProbe.failureThreshold, readinessProbe.successThreshold], [1, 1]);
  assert.ok(readinessProbe.periodSeconds <= 5);
});

test("docs/health.md has the timings of the code", async () => {
  const page = read("docs/health.md").replaceAll(/ +/g, " ");
  const { config } = await loaded();
  const { intervalMs, timeoutMs, patience, stallAfterMs, quietAfterMs, canary, shutdownTimeoutMs } =
    config.engineHealth;
  assert.ok(intervalMs !== null && timeoutMs !== null && stallAfterMs !== null && quietAfterMs !== null);
  assert.ok(canary !== null);
  const { failures } = patience;
  const rows = [
    ["the engine's `/health` says 503", failures * intervalMs, failures * intervalMs],
    ["the engine's `/health` hangs", failures * (intervalMs + timeoutMs), failures * (intervalMs + timeoutMs)],
    [
      "requests hang, with `--canary`",
      canary.patience.failures * (canary.waitMs + canary.timeoutMs),
      canary.patience.failures * canary.waitMs,
    ],
    ["nothing moves, without", stallAfterMs, stallAfterMs],
    ["events cannot be read", 1000, REACHABLE_PATIENCE.holdMs],
    ["blocks are filled in silence", quietAfterMs, QUIET_PATIENCE.holdMs],
  ] as const;
  for (const [what, known, once] of rows) {
    assert.ok(page.includes(`| ${what} | ${s(known)} | ${s(once)} |`), `${what}: ${s(known)}, ${s(once)}`);
  }
  for (const sentence of [
    `${s(intervalMs)} after its last answer, within ${s(timeoutMs)}`,
    `(\`DYN_CANARY_WAIT_TIME\`, ${s(canary.waitMs)})`,
    `(\`DYN_HEALTH_CHECK_REQUEST_TIMEOUT\`, ${s(canary.timeoutMs)})`,
    `is read for ${s(DRAIN_MS)} and ${(2 * MAX_RESPONSE_BYTES) / 1024} KiB at most`,
    `until ${s(ECHO_MS)} after its end`,
    `more than ${NEARLY_FULL * 100} % of what`,
    `more than ${MAX_SKEW_SECONDS} s off`,
    `| \`--engine-health-shutdown-timeout\` | 60 s | ${s(shutdownTimeoutMs)} |`,
    `Its period, ${kvcast.readinessProbe.periodSeconds} s,`,
  ]) {
    assert.ok(page.replaceAll("\n", " ").includes(sentence), sentence);
  }
});

test("docs/health.md has every check, every state and every outcome", () => {
  const page = read("docs/health.md");
  for (const name of CHECK_NAMES) assert.ok(page.includes(`| \`${name}\``), name);
  for (const state of PROBE_STATES) assert.ok(page.includes(`| ${state} `), state);
  for (const outcome of PROBE_OUTCOMES) assert.ok(page.includes(`\`${outcome}\``), outcome);
});
