/** The `kvcast` command of the build, as a process: exit codes, streams, signals. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { type Child, end, type Ended, KVCAST, startKvcast, startNode } from "../support/cli-process.ts";
import { serve as serveOnFreePorts } from "../support/processes.ts";

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return end(startKvcast(args, env));
}

test("the command is a script for node", () => {
  assert.ok(readFileSync(KVCAST, "utf8").startsWith("#!/usr/bin/env node\n"));
});

test("version and help are exit 0 and data", async () => {
  const version = await run(["--version"]);
  assert.deepEqual([version.code, version.err], [0, ""]);
  assert.match(version.out, /^kvcast \d+\.\d+\.\d+\n$/);
  for (const args of [["help"], ["help", "serve"], ["serve", "--help"], ["sim", "-h"]]) {
    const help = await run(args);
    assert.deepEqual([help.code, help.err], [0, ""], args.join(" "));
    assert.ok(help.out.startsWith("Examples:\n"));
  }
});

test("wrong usage is exit 2", async () => {
  for (const args of [
    [],
    ["srve"],
    ["serve", "--nonsense"],
    ["serve", "--engine"],
    ["serve", "x"],
    ["sim", "--rate"],
  ]) {
    const ran = await run(args);
    assert.equal(ran.code, 2, args.join(" "));
    assert.equal(ran.out, "");
    assert.match(ran.err, /^kvcast: error: .+\nkvcast: "kvcast help.*" lists what there is\n$/m);
  }
});

test("serve without an engine is exit 78 with help that starts with examples", async () => {
  for (const env of [{}, { KVCAST_ENGINE: "" }]) {
    const ran = await run(["serve"], env);
    assert.equal(ran.code, 78);
    assert.equal(ran.out, "");
    assert.ok(ran.err.startsWith("Examples:\n"));
    assert.match(ran.err, /\nkvcast: error: --engine is missing; .*KVCAST_ENGINE\)\n$/);
  }
});

test("a bad value of each kind is exit 78 and is named", async () => {
  const engine = ["--engine", "synthetic:"];
  const cases: readonly (readonly [readonly string[], Readonly<Record<string, string>>, string])[] = [
    [["--engine", "localhost:8000"], {}, '--engine: "localhost:8000"'],
    [["--engine", "synthetic:?rate=fast"], {}, '--engine: rate: "fast"'],
    [[...engine, "--kv-block-size", "0"], {}, '--kv-block-size: "0"'],
    [[...engine, "--zmq-endpoint", "udp://x:1"], {}, '--zmq-endpoint: "udp://x:1"'],
    [[...engine, "--zmq-queue-bytes", "1MB"], {}, '--zmq-queue-bytes: "1MB"'],
    [[...engine, "--wire-format", "json"], {}, '--wire-format: "json"'],
    [[...engine, "--engine-timeout", "0"], {}, '--engine-timeout: "0"'],
    [[...engine, "--system-host", "h:1"], {}, '--system-host: "h:1"'],
    [["--engine", "http://h:1", "--engine-header-file", "/absent"], {}, "--engine-header-file: cannot read the file"],
    [[...engine, "--config", "/absent"], {}, "--config: cannot read the file"],
    [engine, { DYN_SYSTEM_PORT: "99999" }, 'DYN_SYSTEM_PORT (--system-port): "99999"'],
    [[], { KVCAST_ENGINE: "x" }, 'KVCAST_ENGINE (--engine): "x"'],
  ];
  for (const [args, env, named] of cases) {
    const ran = await run(["serve", ...args], env);
    assert.equal(ran.code, 78, named);
    assert.equal(ran.out, "");
    assert.ok(ran.err.startsWith(`kvcast: error: ${named}`), ran.err);
    assert.ok(ran.err.endsWith('\nkvcast: "kvcast help serve" says what each option takes\n'), ran.err);
  }
});

test("a reader that goes away is no error", async () => {
  const child = startKvcast(["help", "serve"]);
  child.stdout.destroy();
  const [err, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
  assert.deepEqual([code, err], [0, ""]);
});

/** The address in the first line on stdout. */
async function simUrl(child: Child): Promise<string> {
  const lines = createInterface({ input: child.stdout });
  const [line]: string[] = await once(lines, "line");
  const { url }: { readonly url?: unknown } = JSON.parse(line ?? "");
  assert.ok(typeof url === "string");
  return url;
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`sim listens, says where, and ends with exit 0 on ${signal}`, async () => {
    const child = startKvcast([
      "sim",
      "--port",
      "0",
      "--json",
      "--tokens",
      "16",
      "--kv-block-size",
      "16",
      "--ranks",
      "2",
    ]);
    const closed = once(child, "close");
    const talk = text(child.stderr);
    try {
      const url = await simUrl(child);
      const health = await fetch(`${url}/health`);
      assert.equal(health.status, 200);
      await health.arrayBuffer();
      child.kill(signal);
      assert.deepEqual(await closed, [0, null]);
      const serve = `kvcast serve --engine ${url} --kv-block-size 16 --attention-dp-size 2`;
      assert.ok((await talk).includes(serve), await talk);
    } finally {
      child.kill("SIGKILL");
    }
  });
}

/** Sends SIGTERM when the code of a command is loaded: it is under way then, and nothing of it runs yet. */
function signalWhenLoading(command: "serve" | "sim"): string {
  const hook =
    `export const load = (url, context, next) => ` +
    `(url.endsWith("/cli/${command}.js") && process.kill(process.pid, "SIGTERM"), next(url, context));`;
  const hookUrl = `data:text/javascript,${encodeURIComponent(hook)}`;
  const register = `import { register } from "node:module"; register("${hookUrl}");`;
  return `data:text/javascript,${encodeURIComponent(register)}`;
}

for (const args of [
  ["serve", "--engine", "synthetic:", "--zmq-endpoint", "tcp://127.0.0.1:*", "--system-port", "0"],
  ["sim", "--port", "0"],
] as const) {
  test(`a signal while ${args[0]} is still loading ends it with exit 0 too`, async () => {
    const child = startNode(["--import", signalWhenLoading(args[0]), KVCAST, ...args]);
    const ended = await end(child);
    assert.deepEqual([ended.code, ended.signal], [0, null], ended.err);
    assert.match(ended.err, /stopped/);
  });
}

test("without a sink the last words do not claim that anything was published", async (t) => {
  const service = await serveOnFreePorts(t, "--engine synthetic:?events=10&rate=max --zmq-endpoint none");
  await service.log((record) => record.msg === "flow" && Number(record["in_per_s"]) > 0);
  service.child.kill("SIGTERM");
  assert.deepEqual(await service.exit, { code: 0, signal: null });
  const last = service.logs.at(-1);
  assert.equal(last?.msg, "stopped, everything taken was counted: there was no sink");
  assert.deepEqual([last["received_events"], last["published_events"], last["dropped_events"]], [11, 0, 0]);
});

test("sim on a port that is taken is exit 69", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  try {
    await once(taken, "listening");
    const address = taken.address();
    assert.ok(address !== null && typeof address === "object");
    const ran = await run(["sim", "--port", String(address.port)]);
    assert.equal(ran.code, 69);
    assert.match(ran.err, new RegExp(`kvcast: error: .*${address.port}`));
  } finally {
    taken.close();
  }
});
