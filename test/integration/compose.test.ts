/** What the compose file starts, started as plain processes: the same commands, with this machine in place of the containers. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { connect } from "nats";
import { freePort } from "../../bench/support/free-port.ts";
import { KVCAST } from "../support/cli-process.ts";
import { COMPOSE_FOLDER, composeFile, LocalPorts, serviceOf } from "../support/compose.ts";
import { ConsolidatedReader } from "../support/consolidated.ts";
import { eventually } from "../support/fault/deadline.ts";
import { Kvcast } from "../support/processes.ts";
import { requireTool } from "../support/tools.ts";

const PATIENCE_MS = 60_000;
const EVENTS = 500;
const file = composeFile();

test("docker-compose itself takes the file", (t) => {
  const compose = requireTool(t, "docker-compose");
  if (compose === null) return;
  // Fails, and says why, when the file is not one; the quiet form prints nothing else.
  const said = execFileSync(compose, ["-f", path.join(COMPOSE_FOLDER, "compose.yaml"), "config", "--quiet"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  assert.equal(said, "");
});

async function localPorts(): Promise<LocalPorts> {
  const ports = new Map<string, number>();
  for (const [name, { expose }] of Object.entries(file.services)) {
    for (const port of expose) ports.set(`${name}:${port}`, await freePort());
  }
  return new LocalPorts(ports);
}

/** Ended, and waited for, with the test. */
function started(t: TestContext, program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  });
  return child;
}

/** Resolves when a line of its says so. */
async function hasSaid(child: ChildProcess, words: string): Promise<void> {
  const { stderr } = child;
  assert.ok(stderr);
  for await (const line of createInterface({ input: stderr })) {
    if (!line.includes(words)) continue;
    stderr.resume();
    return;
  }
  assert.fail(`ended without "${words}"`);
}

/** Prometheus with the file of the folder, only its targets elsewhere, beside the rules of the repository. */
function startPrometheus(t: TestContext, program: string, ports: LocalPorts): string {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-compose-"));
  const config = ports.translate(readFileSync(path.join(COMPOSE_FOLDER, "prometheus.yml"), "utf8"));
  writeFileSync(path.join(folder, "prometheus.yml"), config);
  cpSync(path.join(COMPOSE_FOLDER, "../prometheus/rules"), path.join(folder, "rules"), { recursive: true });
  const args = ports
    .argumentsOf("prometheus", serviceOf(file, "prometheus"))
    .map((word) => word.replace("=/etc/prometheus/", `=${folder}/`).replace("=/prometheus", `=${folder}/data`));
  // Last registered is first called: the server is gone before its folder goes.
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  started(t, program, args).stderr?.resume();
  return `http://127.0.0.1:${ports.of("prometheus", 9090)}/api/v1`;
}

/** The data of an answer; null while there is none. */
async function ask(api: string, what: string): Promise<unknown> {
  try {
    const response = await fetch(`${api}/${what}`);
    return response.ok ? ((await response.json()) as { readonly data: unknown }).data : null;
  } catch {
    return null;
  }
}

test("its commands as processes: events come out of ZMQ and NATS, Prometheus has both targets and all rules", async (t) => {
  const prometheus = requireTool(t, "prometheus");
  const natsServer = requireTool(t, "nats-server");
  if (prometheus === null || natsServer === null) return;
  const ports = await localPorts();
  const args = (name: string): readonly string[] => ports.argumentsOf(name, serviceOf(file, name));

  await hasSaid(started(t, natsServer, args("nats")), "Server is ready");
  const nats = await connect({ servers: `127.0.0.1:${ports.of("nats", 4222)}` });
  t.after(() => nats.close());
  const first = nats.subscribe("namespace.dynamo.>", { max: 1 })[Symbol.asyncIterator]().next();
  await nats.flush();

  const api = startPrometheus(t, prometheus, ports);
  const sim = started(t, process.execPath, [KVCAST, ...args("sim")]);
  await hasSaid(sim, "listens on");
  const consolidating = new Kvcast(t, args("consolidate").join(" "));
  await consolidating.log("the consolidator is running");
  const reader = new ConsolidatedReader(`tcp://127.0.0.1:${ports.of("consolidate", 57001)}`);
  t.after(() => reader.client.close());
  const serving = new Kvcast(t, args("serve").join(" "));
  await serving.log("kvcast is running");

  const view = await reader.until(EVENTS);
  assert.ok((view.live.get(0)?.size ?? 0) > 0);
  const { value: message } = await first;
  assert.ok(message !== undefined && message.data.length > 0, "a message on the event plane");

  const health = serviceOf(file, "sim").healthcheck?.test ?? [];
  const [, , flag = "", script = ""] = health;
  execFileSync(process.execPath, [flag, ports.translate(script).replace(":8000/", `:${ports.of("sim", 8000)}/`)]);
  const natsHealth = await fetch(`http://127.0.0.1:${ports.of("nats", 8222)}/healthz`);
  assert.equal(natsHealth.status, 200);

  await eventually("both targets up", PATIENCE_MS, async () => {
    const data = (await ask(api, "targets")) as {
      readonly activeTargets: readonly { readonly health: string }[];
    } | null;
    const states = data?.activeTargets.map((target) => target.health) ?? [];
    return states.length === 2 && states.every((state) => state === "up") ? true : null;
  });
  const groups = (await ask(api, "rules")) as { readonly groups: readonly { readonly rules: readonly unknown[] }[] };
  assert.ok(groups.groups.flatMap(({ rules }) => rules).length > 40, "recording and alert rules");
  const query = encodeURIComponent("sum(kvcast_consolidator_received_events_total) > 0");
  const { result } = (await ask(api, `query?query=${query}`)) as { readonly result: readonly unknown[] };
  assert.equal(result.length, 1);
});
