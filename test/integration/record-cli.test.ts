/** `kvcast record`, and what becomes of its files: the same events again, with and without tokens. */
import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { RecordingReader } from "../../src/main/record/recording-reader.ts";
import { end, type Ended, startKvcast } from "../support/cli-process.ts";
import { eventually } from "../support/fault/deadline.ts";
import { serve, sim } from "../support/processes.ts";
import { temporaryDirectory } from "../support/recorded.ts";
import { ScriptedPublisher, storedPayload } from "../support/scripted-publisher.ts";

const LIMIT = { timeout: 120_000 };
const PATIENCE_MS = 60_000;
const EVENTS = 300;
/** Each is published as cleared first. */
const RANKS = 2;
const TRAFFIC = `--events ${EVENTS} --rate 3000 --seed 11 --kv-block-size 16 --ranks ${RANKS}`;

type Line = Readonly<Record<string, unknown>>;

function lines(out: string): Line[] {
  return out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

/** What subscribers of this engine see, rank by rank, without what depends on how events were batched. */
async function published(t: TestContext, engine: string): Promise<Line[]> {
  const flags = `--kv-block-size 16 --attention-dp-size ${RANKS} --wait-subscribers 1`;
  const { facts } = await serve(t, `--engine ${engine} ${flags}`);
  const tail = startKvcast(["tail", facts.zmqEndpoint, "--json", "--tokens", "--count", String(EVENTS + RANKS)]);
  t.after(() => tail.kill("SIGKILL"));
  const { code, out, err } = await end(tail);
  assert.equal(code, 0, err);
  const events = lines(out).map((event): Line => ({ ...event, sequence: null, time: null }));
  return events.toSorted((a, b) => Number(a["rank"]) - Number(b["rank"]));
}

/** Records until so many events are in the file. */
async function record(t: TestContext, file: string, ...flags: readonly string[]): Promise<Ended> {
  const engine = await sim(t, TRAFFIC);
  const child = startKvcast(["record", file, "--engine", engine.url, "--json", ...flags]);
  t.after(() => child.kill("SIGKILL"));
  const ended = end(child);
  await eventually("the events in the file", PATIENCE_MS, async () => ((await eventsIn(file)) >= EVENTS ? true : null));
  child.kill("SIGINT");
  return ended;
}

async function eventsIn(file: string): Promise<number> {
  // Not there yet, or its head is not.
  const reader = await RecordingReader.open(file).catch(() => null);
  if (reader === null) return 0;
  let text = "";
  for await (const { bytes } of reader.entries()) text += bytes.toString("latin1");
  await reader.close();
  return text.split(/"type": ?"(?:stored|removed)"/).length - 1;
}

async function entriesIn(file: string): Promise<number> {
  const reader = await RecordingReader.open(file).catch(() => null);
  let found = 0;
  for await (const _ of reader?.entries() ?? []) found++;
  await reader?.close();
  return found;
}

function withoutTokens(events: readonly Line[]): Line[] {
  return events.map(({ token_ids: ids, ...event }) => ({ ...event, ids: Array.isArray(ids) ? ids.length : null }));
}

test("an engine's recording is published as the engine was", LIMIT, async (t) => {
  const directory = await temporaryDirectory(t);
  const whole = path.join(directory, "whole.rec");
  const redacted = path.join(directory, "redacted.rec");
  const [expected, first, second] = await Promise.all([
    sim(t, TRAFFIC).then(({ url }) => published(t, url)),
    record(t, whole, "--with-tokens"),
    record(t, redacted),
  ]);
  assert.equal(first.code, 0, first.err);
  assert.equal(second.code, 0, second.err);
  assert.match(second.err, /without token ids and salts/);
  const { kind, tokens, failures } = JSON.parse(second.out) as Line;
  assert.deepEqual({ kind, tokens, failures }, { kind: "engine", tokens: false, failures: 0 });
  assert.equal((await stat(redacted)).mode & 0o777, 0o600);

  assert.deepEqual(await published(t, `file:${whole}?speed=max`), expected);
  const replayed = await published(t, `file:${redacted}?speed=2`);
  assert.deepEqual(withoutTokens(replayed), withoutTokens(expected));
  assert.ok(
    replayed.some(({ token_ids: ids }, i) => JSON.stringify(ids) !== JSON.stringify(expected[i]?.["token_ids"])),
  );
});

test("what was published is recorded with its gaps, and printed by replay without tokens", LIMIT, async (t) => {
  const file = path.join(await temporaryDirectory(t), "stream.rec");
  const publisher = await ScriptedPublisher.bind(t);
  const child = startKvcast(["record", file, "--publisher", publisher.endpoint]);
  t.after(() => child.kill("SIGKILL"));
  const ended = end(child);
  await publisher.subscribed();
  for (const sequence of [5, 6, 9, 0]) await publisher.send(sequence, storedPayload(sequence, { rank: 1 }));
  await eventually("the messages in the file", PATIENCE_MS, async () => ((await entriesIn(file)) >= 6 ? true : null));
  child.kill("SIGTERM");
  const { code, err } = await ended;
  assert.equal(code, 0, err);
  assert.match(err, /stream\.rec: 4 messages, 2 lost in .* KiB\n$/);

  const replay = await end(startKvcast(["replay", file, "--json", "--tokens"]));
  assert.equal(replay.code, 1, replay.err);
  assert.deepEqual(
    lines(replay.out).map(({ type, sequence, from, to, token_ids: ids }) => ({ type, sequence, from, to, ids })),
    [
      { type: "stored", sequence: 5, from: undefined, to: undefined, ids: [0, 1] },
      { type: "stored", sequence: 6, from: undefined, to: undefined, ids: [0, 1] },
      { type: "gap", sequence: undefined, from: 7, to: 8, ids: undefined },
      { type: "stored", sequence: 9, from: undefined, to: undefined, ids: [0, 1] },
      { type: "restart", sequence: 0, from: undefined, to: undefined, ids: undefined },
      { type: "stored", sequence: 0, from: undefined, to: undefined, ids: [0, 1] },
    ],
  );
  const part = await end(startKvcast(["replay", file, "--json", "--from", "6", "--to", "6"]));
  assert.equal(part.code, 0, part.err);
  assert.deepEqual(
    lines(part.out)
      .filter(({ type }) => type === "stored")
      .map(({ sequence }) => sequence),
    [6],
  );

  const engine = await end(startKvcast(["serve", "--engine", `file:${file}`, "--system-port", "-1"]));
  assert.equal(engine.code, 78, engine.err);
  assert.match(engine.err, /is a recording of published messages; kvcast replay prints it/);
});

test(
  "a recording whose process was killed is read up to its last second, and says that it was cut",
  LIMIT,
  async (t) => {
    const file = path.join(await temporaryDirectory(t), "killed.rec");
    const publisher = await ScriptedPublisher.bind(t);
    const child = startKvcast(["record", file, "--publisher", publisher.endpoint, "--with-tokens"]);
    t.after(() => child.kill("SIGKILL"));
    const ended = end(child);
    await publisher.subscribed();
    for (let sequence = 0; sequence < 5; sequence++) await publisher.send(sequence, storedPayload(sequence));
    await eventually("the messages in the file", PATIENCE_MS, async () => ((await entriesIn(file)) >= 5 ? true : null));
    child.kill("SIGKILL");
    await ended;
    const { code, out, err } = await end(startKvcast(["replay", file, "--json"]));
    assert.equal(code, 0, err);
    assert.deepEqual(
      lines(out).map(({ sequence }) => sequence),
      [0, 1, 2, 3, 4],
    );
    assert.match(err, /killed\.rec was cut at byte \d+: the recording was not ended in order/);
  },
);

test("what cannot be recorded or read is exit code 78, and no file is overwritten", LIMIT, async (t) => {
  const directory = await temporaryDirectory(t);
  const here = path.join(directory, "here");
  await writeFile(here, "mine");
  const cases: readonly [readonly string[], RegExp][] = [
    [["record", here, "--engine", "http://127.0.0.1:1"], /here is there already; name another/],
    [["record", path.join(directory, "a")], /--engine URL or --publisher EP/],
    [["record", path.join(directory, "a"), "--engine", "synthetic:"], /only a trtllm-serve/],
    [
      ["record", path.join(directory, "a"), "--engine", "http://127.0.0.1:1", "--publisher", "tcp://127.0.0.1:1"],
      /one source/,
    ],
    [["replay", here], /is no recording of kvcast/],
    [["replay", path.join(directory, "none")], /cannot read/],
    [["serve", "--engine", `file:${here}`], /is no recording of kvcast/],
    [["serve", "--engine", "file:"], /the name of a recording/],
    [["serve", "--engine", "file:x?speed=0"], /speed="0" is not allowed/],
    [["serve", "--engine", "file:x?pace=1"], /no parameter "pace"/],
  ];
  const results = await Promise.all(cases.map(async ([args]) => end(startKvcast(args))));
  for (const [i, { code, err }] of results.entries()) {
    const [args, message] = cases[i] ?? [[], /never/];
    assert.equal(code, 78, `${args.join(" ")}: ${err}`);
    assert.match(err, message);
  }
  assert.equal(await readFile(here, "utf8"), "mine");
});
