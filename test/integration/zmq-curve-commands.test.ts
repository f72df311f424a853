/** Every command that connects to a publisher does so where it demands CURVE, and says what is wrong where it is not let in. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { curveKeyPair } from "zeromq";
import { curveKeyPair as ownKeyPair, StreamClient, ZmqKvEventPublisher } from "../../src/main/lib.ts";
import type { Finding } from "../../src/main/doctor/finding.ts";
import { parseMetrics } from "../../src/main/flood/metrics-text.ts";
import { end, type Ended, startKvcast } from "../support/cli-process.ts";
import { CurveFiles } from "../support/curve.ts";
import { eventually, within } from "../support/fault/deadline.ts";
import { consolidate, index, serve } from "../support/processes.ts";

const DEADLINE_MS = 15_000;

function run(t: TestContext, ...args: readonly string[]): Promise<Ended> {
  const child = startKvcast(args);
  t.after(() => child.kill("SIGKILL"));
  return end(child);
}

test("keygen: a file that only its owner reads, a public key that fits, and never over what is there", async (t) => {
  const files = new CurveFiles(t);
  const file = path.join(files.folder, "new.secret");
  const made = await run(t, "keygen", file);
  assert.equal(made.code, 0, made.err);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const secret = readFileSync(file, "utf8").trim();
  assert.equal(secret.length, 40);
  assert.ok(!`${made.out}${made.err}`.includes(secret), "the secret is shown");
  const again = await run(t, "keygen", file);
  assert.equal(again.code, 69);
  assert.match(again.err, /it is there already/);
  assert.equal(readFileSync(file, "utf8").trim(), secret);
  const told = await run(t, "keygen", file, "--public", "--json");
  const { public_key: key, ...rest } = JSON.parse(told.out) as Record<string, string>;
  assert.equal(key, made.out.trim());
  assert.equal(rest["secret_key_file"], file);
  assert.match(rest["public_key_hex"] ?? "", /^[0-9a-f]{64}$/);
  const nowhere = await run(t, "keygen", path.join(files.folder, "none", "a"));
  assert.equal(nowhere.code, 69);
  assert.ok(!existsSync(path.join(files.folder, "none")));
  writeFileSync(file, "");
  assert.equal((await run(t, "keygen", file, "--public")).code, 78);
});

test("a consolidator, an index, an engine, tail, replay and record behind one publisher with keys", async (t) => {
  const client = curveKeyPair();
  const files = new CurveFiles(t, client);
  const secret = files.secret("client.secret", client);
  const source = await serve(t, `--engine synthetic:?rate=200 --replay-endpoint tcp://127.0.0.1:* ${files.flags}`);
  const at = source.facts.zmqEndpoint;
  const replay = String((await source.log("kvcast is running"))["replay_endpoint"]);
  const key = `--zmq-curve-client-key-file ${secret}`;
  const [consolidated, indexed, again] = await Promise.all([
    consolidate(t, `--engine-endpoint ${at}?replay=${replay}&${files.query} ${key} ${files.flags}`),
    index(t, `--block-size 32 --workers 1=${at}?replay=${replay}&${files.query} ${key}`),
    serve(t, `--engine zmq+${at}?ports=one&${files.query} ${key}`),
  ]);
  const flags = ["--zmq-curve-server-key", files.server.publicKey, "--zmq-curve-client-key-file", secret];
  const tail = (endpoint: string, ...more: readonly string[]): Promise<Ended> =>
    run(t, "tail", endpoint, "--count", "3", "--timeout", "10", "--json", ...more);
  const ends = await Promise.all([
    tail(at, ...flags),
    tail(consolidated.facts.zmqEndpoint, ...flags),
    tail(again.facts.zmqEndpoint),
    run(t, "replay", replay, "--count", "3", "--json", ...flags),
    run(t, "record", path.join(files.folder, "a.rec"), "--publisher", at, "--duration", "0.5", "--json", ...flags),
  ]);
  for (const { code, err } of ends) assert.equal(code, 0, err);
  assert.match(ends[4].out, /"messages":[1-9]/);
  await eventually("blocks in the index", DEADLINE_MS, async () => {
    const page = parseMetrics(await (await fetch(`${indexed.url}/metrics`)).text());
    return page.sum("kvcast_router_index_blocks") > 0 || null;
  });
  // On the list, each of them must have been.
  files.allow();
  const refused = await tail(at, ...flags, "--timeout", "1");
  assert.equal(refused.code, 69);
  assert.match(refused.err, /the publisher refuses this client's key; add its public key/);
});

test("doctor tells a publisher that demands keys, one that refuses ours and one with another key apart", async (t) => {
  const [client, stranger] = [curveKeyPair(), curveKeyPair()];
  const files = new CurveFiles(t, client);
  const { facts } = await serve(t, `--engine synthetic:?rate=50 ${files.flags}`);
  const open = await serve(t, "--engine synthetic:?rate=50");
  const other = encodeURIComponent(curveKeyPair().publicKey);
  const saysOf = async (address: string, ...flags: readonly string[]): Promise<string> => {
    const none = ["--system-port", "-1", "--zmq-endpoint", "tcp://127.0.0.1:*", "--seconds", "1"];
    const { out, err } = await run(t, "doctor", "--json", ...none, "--publisher", address, ...flags);
    const { findings } = JSON.parse(out) as { readonly findings: readonly Finding[] };
    const found = findings.find(({ subject, check }) => subject === "publisher" && check === "connection");
    return found === undefined ? err : `${found.status} ${found.says}`;
  };
  const at = facts.zmqEndpoint;
  const key = (pair: typeof client): readonly string[] => ["--zmq-curve-client-key-file", files.secret("k", pair)];
  const strangers = key(stranger);
  const said = await Promise.all([
    saysOf(at),
    saysOf(`${at}?${files.query}`, ...strangers),
    saysOf(`${at}?curve=${other}`),
    saysOf(`${open.facts.zmqEndpoint}?${files.query}`),
  ]);
  assert.match(said[0], /^fail the publisher demands CURVE, and this client came without a key/);
  assert.match(said[1], /^fail the publisher refuses this client's key/);
  assert.match(said[2], /^fail the publisher ended the connection in the middle of the CURVE handshake/);
  assert.match(said[3], /^fail the publisher does not speak CURVE, and a public key is expected of it/);
  assert.match(await saysOf(`${at}?${files.query}`, ...key(client)), /^ok/);
});

test("the library: a publisher with a list, and a client of it", async (t) => {
  const client = ownKeyPair();
  const files = new CurveFiles(t, client);
  const publisher = new ZmqKvEventPublisher({
    zmqEndpoint: "tcp://127.0.0.1:*",
    kvBlockSize: 2,
    curve: { secretKeyFile: files.secretFile, allowFile: files.allowFile },
  });
  t.after(() => publisher.shutdown());
  await publisher.ready;
  const stream = new StreamClient({ endpoint: publisher.zmqEndpoint, curve: files.keys(client) });
  t.after(() => stream.close());
  const first = stream[Symbol.asyncIterator]().next();
  await eventually("a subscriber", DEADLINE_MS, () => publisher.subscribers > 0 || null);
  assert.ok(publisher.publishStored([1, 2], [2], [7n]));
  const { value } = await within("an event", DEADLINE_MS, first);
  assert.equal(value?.kind, "batch");
  const refusals: string[] = [];
  const stranger = new StreamClient({
    endpoint: publisher.zmqEndpoint,
    curve: files.keys(ownKeyPair()),
    onRefusal: (refusal) => {
      refusals.push(refusal);
      stranger.close();
    },
  });
  for await (const item of stranger) assert.fail(`a stranger got ${item.kind}`);
  assert.deepEqual(refusals, ["not_allowed"]);
});
