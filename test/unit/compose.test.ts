/** The compose file: what it names exists, what it tells kvcast is accepted, and its parts agree with each other. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { loadConsolidateConfig } from "../../src/main/config/load-consolidate.ts";
import { loadSimConfig } from "../../src/main/config/load-sim.ts";
import { loadServeConfig } from "../../src/main/config/load.ts";
import type { Flags } from "../../src/main/config/option-spec.ts";
import { addressesIn, COMPOSE_FOLDER, composeFile, listensOn, readYaml, serviceOf } from "../support/compose.ts";

const file = composeFile();
const services = Object.entries(file.services);
const OURS = ["sim", "serve", "consolidate"] as const;

function flagsOf(words: readonly string[]): Flags {
  const flags = new Map<string, string[]>();
  for (const word of words) {
    const [, name = "", value = ""] = /^--([^=]+)=(.*)$/u.exec(word) ?? assert.fail(word);
    flags.set(name, [...(flags.get(name) ?? []), value]);
  }
  return flags;
}

test("kvcast takes the command of each of its services", async () => {
  for (const name of OURS) {
    const [command, ...words] = serviceOf(file, name).command ?? [];
    assert.equal(command, name);
    const flags = flagsOf(words);
    if (name === "sim") assert.equal(loadSimConfig(flags, {}).sim.host, "0.0.0.0");
    const loaded = name === "serve" ? await loadServeConfig(flags, {}) : null;
    const consolidating = name === "consolidate" ? await loadConsolidateConfig(flags, {}) : null;
    const config = loaded?.config ?? consolidating?.config;
    if (config === undefined) continue;
    // The health check of the image asks on this port.
    assert.equal(config.systemPort, 8081);
    assert.equal(config.systemHost, "0.0.0.0", "Prometheus asks from another container");
    // It cannot know that only other containers, and this machine, reach what it listens on.
    for (const warning of loaded?.warnings ?? consolidating?.warnings ?? []) {
      assert.match(warning, /can be reached from other machines|travel unencrypted/u);
    }
  }
});

test("whoever is told where another one is, is told a port on which that one listens", () => {
  const texts = services.flatMap(([, { command = [] }]) => command);
  const scrapes = readYaml("prometheus.yml") as {
    readonly scrape_configs: readonly { readonly static_configs: readonly { readonly targets: readonly string[] }[] }[];
  };
  const targets = scrapes.scrape_configs.flatMap((job) => job.static_configs.flatMap((group) => group.targets));
  const source = readYaml("grafana/datasource.yaml") as { readonly datasources: readonly { readonly url: string }[] };
  const urls = source.datasources.map(({ url }) => url);
  const told = [...texts, ...targets, ...urls].flatMap(addressesIn);
  assert.ok(told.length >= 7, "sim, serve twice, nats, both targets, prometheus");
  for (const { service, port } of told) assert.ok(serviceOf(file, service).expose.includes(port), `${service}:${port}`);
  assert.deepEqual(targets, ["serve:8081", "consolidate:8081"]);
  for (const [name, service] of services) {
    const listens = listensOn(service);
    // Grafana's port is its default.
    assert.deepEqual(name === "grafana" ? ["3000"] : listens.toSorted(), service.expose.toSorted(), name);
    for (const published of service.ports ?? []) {
      const [, host = "", inside = ""] = /^127\.0\.0\.1:(\d+):(\d+)$/u.exec(published) ?? assert.fail(published);
      assert.equal(host, inside);
      assert.ok(service.expose.includes(inside), `${name} publishes ${published}`);
    }
  }
});

test("whatever is mounted exists and cannot be written, or is a volume that is declared", () => {
  for (const [name, { volumes = [] }] of services) {
    for (const volume of volumes) {
      const [from = "", to = "", mode] = volume.split(":");
      assert.ok(path.isAbsolute(to), volume);
      if (!from.startsWith(".")) assert.ok(from in file.volumes, `${name}: ${from}`);
      else {
        assert.ok(existsSync(path.join(COMPOSE_FOLDER, from)), `${name}: ${from}`);
        assert.equal(mode, "ro", volume);
      }
    }
  }
  for (const name of OURS) {
    const { build } = serviceOf(file, name);
    assert.ok(build !== undefined);
    assert.ok(existsSync(path.join(COMPOSE_FOLDER, build.context, build.dockerfile)));
  }
});

test("Grafana finds boards, home and data source where they are mounted, and the boards ask for one of that kind", () => {
  const grafana = serviceOf(file, "grafana");
  const mounted = new Map((grafana.volumes ?? []).map((volume) => [volume.split(":")[1], volume.split(":")[0]]));
  const boards = readYaml("grafana/boards.yaml") as {
    readonly providers: readonly { readonly options: { readonly path: string } }[];
  };
  const folder = boards.providers[0]?.options.path ?? "";
  assert.equal(mounted.get(folder), "../grafana");
  const home = grafana.environment?.["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] ?? "";
  const names = readdirSync(path.join(COMPOSE_FOLDER, "../grafana"));
  assert.equal(names.length, 5);
  assert.ok(names.includes(path.basename(home)) && path.dirname(home) === folder);
  assert.equal(mounted.get("/etc/grafana/provisioning/datasources/kvcast.yaml"), "./grafana/datasource.yaml");
  assert.equal(mounted.get("/etc/grafana/provisioning/dashboards/kvcast.yaml"), "./grafana/boards.yaml");
  const { datasources } = readYaml("grafana/datasource.yaml") as {
    readonly datasources: readonly { readonly type: string; readonly isDefault: boolean }[];
  };
  assert.deepEqual(
    datasources.map(({ type, isDefault }) => ({ type, isDefault })),
    [{ type: "prometheus", isDefault: true }],
  );
  for (const name of names) {
    const board = JSON.parse(readFileSync(path.join(COMPOSE_FOLDER, "../grafana", name), "utf8")) as {
      readonly templating: { readonly list: readonly { readonly type: string; readonly query?: unknown }[] };
    };
    assert.ok(
      board.templating.list.some(({ type, query }) => type === "datasource" && query === "prometheus"),
      name,
    );
  }
});

test("Prometheus reads the rules that are mounted beside its configuration", () => {
  const volumes = serviceOf(file, "prometheus").volumes ?? [];
  assert.ok(volumes.includes("./prometheus.yml:/etc/prometheus/prometheus.yml:ro"));
  assert.ok(volumes.includes("../prometheus/rules:/etc/prometheus/rules:ro"));
  const { rule_files: files } = readYaml("prometheus.yml") as { readonly rule_files: readonly string[] };
  assert.deepEqual(files, ["rules/*.yml"]);
});

test("no service has a writable root, a capability or an image without a version; who is waited for says how it is", () => {
  for (const [name, service] of services) {
    assert.equal(service.read_only, true, name);
    assert.deepEqual(service.cap_drop, ["ALL"], name);
    assert.deepEqual(service.security_opt, ["no-new-privileges:true"], name);
    assert.match(service.image, /^[a-z/]+:(?!latest)[\w.-]+$/u, name);
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      assert.equal(condition, "service_healthy", name);
      const awaited = serviceOf(file, other);
      // Those of kvcast's image have its health check.
      if (awaited.healthcheck === undefined) assert.ok(other === "serve" || other === "consolidate", other);
      else assert.equal(awaited.healthcheck.test[0], "CMD", "exec form: no shell is needed in the image");
    }
  }
});
