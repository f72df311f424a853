/**
 * A rare token id, a cache salt and secrets are put into everything that goes into kvcast, and everything that comes out is
 * searched for them. Where they may be is a list; the rest must be clean, and with `--redact-tokens` the list too.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test, type TestContext } from "node:test";
import { connect } from "nats";
import { RecordingReader } from "../../src/main/record/recording-reader.ts";
import { canaryEngine, CANARY_BLOCK_TOKENS } from "../support/canary-engine.ts";
import {
  CANARY_BEARER,
  CANARY_PASSWORD,
  CANARY_SALT,
  CANARY_TOKEN,
  canariesIn,
  hasSalt,
  hasSecret,
  hasToken,
} from "../support/canary-words.ts";
import { end, startKvcast } from "../support/cli-process.ts";
import { eventually } from "../support/fault/deadline.ts";
import { NatsServer } from "../support/nats-server.ts";
import { consolidate, index, type Kvcast, serve, type ServeFacts } from "../support/processes.ts";
import { SseClient } from "../support/sse-client.ts";

const PATIENCE_MS = 60_000;
const COMMANDS_AT_ONCE = 4;
const ACCOUNT = `authorization { user: kv, password: "${CANARY_PASSWORD}" }`;

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), "kvcast-canary-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** All that has come out, by where it came out. */
class Outputs {
  readonly #all: Map<string, Buffer> = new Map();

  add(name: string, output: string | Uint8Array): void {
    this.#all.set(name, Buffer.concat([this.#all.get(name) ?? Buffer.alloc(0), Buffer.from(output as Uint8Array)]));
  }

  get size(): number {
    return this.#all.size;
  }

  assertClean(): void {
    for (const [name, output] of this.#all) {
      assert.ok(output.length > 0, `${name} has said something`);
      const found = canariesIn(output);
      assert.deepEqual(found, [], `${name}: ${contextOf(output)}`);
    }
  }
}

/** Where it is, for whoever has to find out why. */
function contextOf(output: Buffer): string {
  const text = output.toString("latin1");
  const at = Math.max(text.indexOf("zanary"), text.indexOf(String(CANARY_TOKEN)));
  return at < 0 ? "in another form" : text.slice(Math.max(0, at - 200), at + 100);
}

interface Running {
  readonly service: Kvcast & { readonly facts: ServeFacts };
  readonly replay: string;
  readonly stateDir: string;
  /** Options with which tools find engine and server. */
  readonly flags: readonly string[];
}

async function startService(t: TestContext, server: NatsServer, more: string): Promise<Running> {
  const folder = folderFor(t);
  const password = path.join(folder, "password");
  const headers = path.join(folder, "headers");
  const stateDir = path.join(folder, "state");
  writeFileSync(password, `${CANARY_PASSWORD}\n`);
  writeFileSync(headers, `Authorization: Bearer ${CANARY_BEARER}\n`);
  mkdirSync(stateDir);
  const { engine, isThrough } = await canaryEngine(t);
  const flags =
    `--engine ${engine.url.href} --engine-header-file ${headers} --kv-block-size ${CANARY_BLOCK_TOKENS} ` +
    `--nats-url ${server.url} --nats-user kv --nats-password-file ${password} --worker-id 7 --load on ` +
    `--replay-endpoint tcp://127.0.0.1:* --snapshot on --state-dir ${stateDir} --slot-bytes 16KiB --sink both ${more}`;
  const service = await serve(t, `${flags} --log-level trace`);
  const started = await service.log("kvcast is running");
  await eventually("the engine has told all", PATIENCE_MS, () => (isThrough() ? true : null));
  assert.ok(
    engine.requests.some(({ headers: sent }) => hasSecret(String(sent.authorization))),
    "the secret is used",
  );
  return { service, replay: String(started["replay_endpoint"]), stateDir, flags: flags.split(" ") };
}

/** Every message on the server, from now on. */
async function listen(t: TestContext, server: NatsServer): Promise<{ readonly bytes: () => Buffer }> {
  const connection = await connect({ servers: server.url, user: "kv", pass: CANARY_PASSWORD });
  t.after(() => connection.close());
  const parts: Uint8Array[] = [];
  connection.subscribe(">", { callback: (_, { data }) => void parts.push(data) });
  await connection.flush();
  return { bytes: () => Buffer.concat(parts) };
}

/** A command to its end: both its streams. */
async function run(t: TestContext, args: readonly string[]): Promise<string> {
  const child = startKvcast(args);
  t.after(() => child.kill("SIGKILL"));
  const { out, err } = await end(child);
  return `${out}\n${err}`;
}

/** What is in a recording, unpacked; nothing while it is not whole. */
async function unpacked(file: string): Promise<Buffer> {
  const reader = await RecordingReader.open(file).catch(() => null);
  const parts: Uint8Array[] = [];
  if (reader === null) return Buffer.alloc(0);
  for await (const { bytes } of reader.entries()) parts.push(Buffer.from(bytes));
  await reader.close();
  return Buffer.concat(parts);
}

/** Records until there are events in the file, of a publisher or an engine; what is in it. */
async function record(
  t: TestContext,
  args: readonly string[],
): Promise<{ readonly file: string; readonly held: Buffer }> {
  const file = path.join(folderFor(t), "recording");
  const child = startKvcast(["record", file, ...args]);
  t.after(() => child.kill("SIGKILL"));
  const ended = end(child);
  await eventually("events in the file", PATIENCE_MS, async () => {
    const held = await unpacked(file);
    return held.includes("BlockStored") || held.includes('"stored"') ? true : null;
  });
  child.kill("SIGINT");
  const { out, err } = await ended;
  return { file, held: Buffer.concat([Buffer.from(`${out}\n${err}`), await unpacked(file)]) };
}

async function get(url: string, init: RequestInit = {}): Promise<Buffer> {
  const answer = await fetch(url, { ...init, redirect: "manual" });
  return Buffer.from(await answer.arrayBuffer());
}

/** What anybody may see of a service. */
async function collectHttp(t: TestContext, name: string, url: string, outputs: Outputs): Promise<void> {
  const paths = [
    "/",
    "/metrics",
    "/health?verbose",
    "/ready?verbose",
    "/live?verbose",
    "/v1/live",
    "/v1/perf/requests",
    "/nothing",
  ];
  for (const each of paths) outputs.add(`${name} GET ${each}`, await get(`${url}${each}`));
  outputs.add(`${name} POST`, await get(`${url}/metrics`, { method: "POST", body: `${CANARY_SALT} ${CANARY_TOKEN}` }));
  outputs.add(`${name} an odd path`, await get(`${url}/${CANARY_SALT}?token=${CANARY_TOKEN}`));
  const stream = await SseClient.open(t, Number(new URL(url).port), "/v1/live/stream");
  await eventually("the stream has begun", PATIENCE_MS, () => (stream.events.length > 1 ? true : null));
  outputs.add(`${name} live stream`, JSON.stringify(stream.events));
}

function collectCommandLine({ child }: Kvcast, outputs: Outputs): void {
  outputs.add("command line", readFileSync(`/proc/${child.pid ?? 0}/cmdline`));
}

async function stop(service: Kvcast): Promise<void> {
  service.child.kill("SIGTERM");
  assert.equal((await service.exit).code, 0, service.text());
}

function stateOf(folder: string): Buffer {
  return Buffer.concat(readdirSync(folder).map((name) => readFileSync(path.join(folder, name))));
}

// Each is a service of its own, and much of its time is waiting for processes to start.
describe("canaries", { concurrency: true }, () => {
  void test(
    "token ids, salts and secrets come out where they are meant to, and nowhere else",
    { timeout: 120_000 },
    async (t) => {
      const server = await NatsServer.start(t, ACCOUNT);
      if (server === null) return;
      const nats = await listen(t, server);
      const outputs = new Outputs();
      const { service, replay, stateDir, flags } = await startService(t, server, "--nats-encoding raw");
      const { url, zmqEndpoint } = service.facts;
      const folder = folderFor(t);
      const file = (name: string): string => path.join(folder, name);

      // Those that carry them, so that all that follows can fail.
      const [live, replayed, snapshot, raw, open] = await Promise.all([
        run(t, ["tail", zmqEndpoint, "--count", "2", "--json", "--tokens"]),
        run(t, ["replay", replay, "--json", "--tokens"]),
        get(`${url}/v1/kv/snapshot`),
        eventually("messages", PATIENCE_MS, () => (hasToken(nats.bytes()) ? nats.bytes() : null)),
        record(t, ["--publisher", zmqEndpoint, "--with-tokens"]),
      ]);
      const carriers: readonly (readonly [string, string | Buffer])[] = [
        ["the live socket", live],
        ["replay", replayed],
        ["the snapshot", snapshot],
        ["NATS, raw", raw],
      ];
      for (const [name, output] of carriers) assert.deepEqual([hasToken(output), hasSalt(output)], [true, true], name);
      for (const [name, output] of carriers) assert.ok(!hasSecret(output), name);
      assert.ok(hasToken(open.held) && hasSalt(open.held), "a recording with tokens");

      await collectHttp(t, "serve", url, outputs);
      collectCommandLine(service, outputs);
      const consolidator = await consolidate(t, `--engine-endpoint ${zmqEndpoint} --log-level trace`);
      const router = await index(t, `--block-size ${CANARY_BLOCK_TOKENS} --workers 1=${zmqEndpoint} --log-level trace`);
      const wrong = ["--nats-url", `nats://kv:${CANARY_PASSWORD}@127.0.0.1:1`];
      const commands: readonly (readonly string[])[] = [
        ["tail", zmqEndpoint, "--count", "3", "--json"],
        ["tail", zmqEndpoint, "--count", "3"],
        ["replay", replay, "--json"],
        ["top", url, "--once"],
        ["top", url, "--once", "--json"],
        ["perf", url],
        ["check", url],
        ["check", url, "--format", "json"],
        ["doctor", "--publisher", `${zmqEndpoint}?replay=${replay}`, "--seconds", "0.5", ...flags],
        ["doctor", "--json", ...flags],
        ["config", "show", ...flags],
        ["config", "show", "--json", ...flags],
        ["config", "check", ...flags, ...wrong],
        ["serve", ...flags, ...wrong],
        ["serve", "--engine", `http://kv:${CANARY_PASSWORD}@127.0.0.1:1`],
        ["serve", `--nats-password=${CANARY_PASSWORD}`],
        ["check", `http://kv:${CANARY_PASSWORD}@127.0.0.1:1`],
      ];
      // A few at a time: most of what they take is their start.
      for (let i = 0; i < commands.length; i += COMMANDS_AT_ONCE) {
        const batch = commands.slice(i, i + COMMANDS_AT_ONCE);
        const said = await Promise.all(batch.map((command) => run(t, command)));
        for (const [j, text] of said.entries()) outputs.add(batch[j]?.join(" ") ?? "", text);
      }
      const { engine } = await canaryEngine(t);
      writeFileSync(file("log"), service.text());
      const bundle = ["support-bundle", url, "--output", file("b.tar.gz"), "--log-file", file("log"), ...flags];
      const [published, ofEngine, bundled] = await Promise.all([
        record(t, ["--publisher", zmqEndpoint]),
        record(t, ["--engine", engine.url.href]),
        run(t, bundle),
      ]);
      outputs.add("a recording of the publisher", published.held);
      outputs.add("a recording of the engine", ofEngine.held);
      outputs.add("replay of a file", await run(t, ["replay", published.file, "--json", "--tokens"]));
      outputs.add("support-bundle", bundled);
      outputs.add("the bundle", execFileSync("tar", ["-xzOf", file("b.tar.gz")], { maxBuffer: 2 ** 28 }));

      for (const [name, each] of [
        ["consolidate", consolidator.facts.url],
        ["index", router.url],
      ] as const) {
        for (const place of ["/metrics", "/health"]) outputs.add(`${name} ${place}`, await get(`${each}${place}`));
      }
      await Promise.all([stop(consolidator), stop(router)]);
      await stop(service);
      for (const [name, each] of [
        ["serve", service],
        ["consolidate", consolidator],
        ["index", router],
      ] as const) {
        outputs.add(`the log of ${name}`, each.text());
      }
      assert.ok(service.logs.length > 10 && service.text().includes("engine0"));
      assert.ok(hasToken(stateOf(stateDir)) && hasSalt(stateOf(stateDir)), "the state directory");
      assert.ok(outputs.size > 35, `${outputs.size}`);
      outputs.assertClean();
    },
  );

  void test("redacted, they come out nowhere at all", { timeout: 120_000 }, async (t) => {
    const server = await NatsServer.start(t, ACCOUNT);
    if (server === null) return;
    const nats = await listen(t, server);
    const outputs = new Outputs();
    const more = "--redact-tokens all --nats-encoding raw";
    const { service, replay, stateDir } = await startService(t, server, more);
    const { url, zmqEndpoint } = service.facts;
    outputs.add("the live socket", await run(t, ["tail", zmqEndpoint, "--count", "2", "--json", "--tokens"]));
    outputs.add("replay", await run(t, ["replay", replay, "--json", "--tokens"]));
    outputs.add("the snapshot", await get(`${url}/v1/kv/snapshot`));
    outputs.add("messages as they are", (await record(t, ["--publisher", zmqEndpoint, "--with-tokens"])).held);
    await collectHttp(t, "serve", url, outputs);
    const bytes = await eventually("messages", PATIENCE_MS, () =>
      nats.bytes().includes("BlockStored") ? nats.bytes() : null,
    );
    outputs.add("NATS, raw", bytes);
    await stop(service);
    outputs.add("the state directory", stateOf(stateDir));
    outputs.add("the log", service.text());
    outputs.assertClean();
  });

  void test("Dynamo's encoding has hashes only, whatever is redacted", { timeout: 120_000 }, async (t) => {
    const server = await NatsServer.start(t, ACCOUNT);
    if (server === null) return;
    const nats = await listen(t, server);
    const { service } = await startService(t, server, "--redact-tokens zmq");
    const bytes = await eventually("messages", PATIENCE_MS, () =>
      nats.bytes().includes("tokens_hash") ? nats.bytes() : null,
    );
    assert.deepEqual(canariesIn(bytes), []);
    await stop(service);
  });
});
