/** A recording in place of an engine: when its answers come, and what happens at its end, at a stop, at damage. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { FileDrain } from "../../src/main/record/file-drain.ts";
import { ENTRY, type Entry } from "../../src/main/record/recording-format.ts";
import { recordingOf, temporaryDirectory } from "../support/recorded.ts";
import { RecordingLog } from "../support/recording-log.ts";

const LIMIT = { timeout: 60_000 };

function entry(kind: number, atMs: number, text: string): Entry {
  return { kind, atMs, bytes: Buffer.from(text) };
}

const CHUNKS: readonly (readonly Entry[])[] = [
  [entry(ENTRY.answerPart, 5000, "[1,"), entry(ENTRY.answerEnd, 5000, "2]")],
  [entry(ENTRY.failure, 5100, "timeout"), entry(ENTRY.answerEnd, 5200, "[3]")],
];

/** What the next drain brings. */
async function drained(drain: FileDrain, accept: boolean = true): Promise<string> {
  let text = "";
  const { error, cut } = await drain.drain((chunk) => {
    text += chunk.toString();
    return accept;
  });
  return error === null ? text + (cut ? " cut" : "") : error.reason;
}

test("answers and failures come in order, then it is silent", LIMIT, async (t) => {
  const file = path.join(await temporaryDirectory(t), "r");
  await recordingOf(file, "engine", CHUNKS);
  const log = new RecordingLog();
  const drain = new FileDrain({ path: file, speed: Infinity, log });
  t.after(() => drain.close());
  assert.deepEqual([await drained(drain), await drained(drain), await drained(drain)], ["[1,2]", "timeout", "[3]"]);
  assert.equal(await drained(drain), "");
  assert.equal(await drained(drain), "");
});

test(
  "its pauses are kept, at the speed that is asked for; what comes before the first answer is none",
  LIMIT,
  async (t) => {
    const file = path.join(await temporaryDirectory(t), "r");
    await recordingOf(file, "engine", CHUNKS);
    const drain = new FileDrain({ path: file, speed: 0.5, log: new RecordingLog() });
    t.after(() => drain.close());
    const startMs = performance.now();
    const seen: string[] = [];
    while (seen.length < 3) {
      const text = await drained(drain);
      if (text !== "") seen.push(text);
      if (seen.length === 1 && text !== "") assert.ok(performance.now() - startMs < 4000);
    }
    assert.deepEqual(seen, ["[1,2]", "timeout", "[3]"]);
    // 200 ms of the recording; timers may be a millisecond early.
    assert.ok(performance.now() - startMs >= 398);
  },
);

test("an answer that is refused is skipped to its end, and an abort ends the wait", LIMIT, async (t) => {
  const file = path.join(await temporaryDirectory(t), "r");
  await recordingOf(file, "engine", [...CHUNKS, [entry(ENTRY.answerEnd, 1e9, "[4]")]]);
  const drain = new FileDrain({ path: file, speed: 1000, log: new RecordingLog() });
  t.after(() => drain.close());
  assert.equal(await drained(drain, false), "[1, cut");
  let text = "";
  while (!text.endsWith("[3]")) text += await drained(drain);
  assert.equal(text, "timeout[3]");
  const waiting = drained(drain);
  drain.abort();
  assert.match(await waiting, /^(?: cut)?$/);
});

test("damage in the middle is a read that fails, once, behind all that is good", LIMIT, async (t) => {
  const file = path.join(await temporaryDirectory(t), "r");
  await recordingOf(file, "engine", CHUNKS);
  const bytes = await readFile(file);
  // Behind the head and the first answer: the first byte that is packed.
  let at = 8;
  for (let chunk = 0; chunk < 2; chunk++) at += 12 + bytes.readUInt32LE(at);
  bytes.writeUInt8(bytes.readUInt8(at + 12) ^ 1, at + 12);
  await writeFile(file, bytes);
  const drain = new FileDrain({ path: file, speed: Infinity, log: new RecordingLog() });
  t.after(() => drain.close());
  const seen: string[] = [];
  for (let i = 0; i < 3; i++) seen.push(await drained(drain));
  assert.deepEqual(seen, ["[1,2]", "decode", ""]);
});
