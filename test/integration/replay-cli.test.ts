/** `kvcast replay EP` as a process: the range, what is missing in it, exit codes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { end, startKvcast } from "../support/cli-process.ts";
import { END_V2, replyV2, scriptedReplay, storedPayload } from "../support/scripted-publisher.ts";

const LIMIT = { timeout: 60_000 };

function lines(out: string): Record<string, unknown>[] {
  return out
    .trimEnd()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("replay prints a range in order, names what is kept no more, and exits with 1 for it", LIMIT, async (t) => {
  const asked: number[] = [];
  const endpoint = await scriptedReplay(t, async ({ from, answer }) => {
    asked.push(Number(from));
    for (const sequence of [7, 8, 10, 11, 12]) await answer(replyV2(sequence, storedPayload(sequence)));
    await answer(END_V2);
  });
  const { code, out, err } = await end(startKvcast(["replay", endpoint, "--from", "5", "--to", "11", "--json"]));
  assert.equal(code, 1, err);
  assert.deepEqual(asked, [5]);
  assert.deepEqual(
    lines(out).map(({ type, sequence, from, to, reason }) => ({ type, sequence, from, to, reason })),
    [
      { type: "gap", sequence: undefined, from: 5, to: 6, reason: "evicted" },
      { type: "stored", sequence: 7, from: undefined, to: undefined, reason: undefined },
      { type: "stored", sequence: 8, from: undefined, to: undefined, reason: undefined },
      { type: "gap", sequence: undefined, from: 9, to: 9, reason: "evicted" },
      { type: "stored", sequence: 10, from: undefined, to: undefined, reason: undefined },
      { type: "stored", sequence: 11, from: undefined, to: undefined, reason: undefined },
    ],
  );
  assert.match(err, /^kvcast: 4 events in 4 messages .* 2 gaps, 3 messages lost, 0 healed\n$/);
});

test("replay without a range begins with the oldest and ends with the newest, with exit code 0", LIMIT, async (t) => {
  const endpoint = await scriptedReplay(t, async ({ answer }) => {
    for (const sequence of [7, 8]) await answer(replyV2(sequence, storedPayload(sequence)));
    await answer(END_V2);
  });
  const { code, out, err } = await end(startKvcast(["replay", endpoint]));
  assert.equal(code, 0, err);
  assert.match(out, /^#7 .* stored .*\(replayed\)\n#8 .*\n$/);
});

test("a replay socket that does not answer is exit code 69; a range that goes back is 78", LIMIT, async (t) => {
  const silent = await scriptedReplay(t, async () => {});
  const mute = await end(startKvcast(["replay", silent, "--timeout", "0.2"]));
  assert.equal(mute.code, 69, mute.err);
  assert.match(mute.err, /sent nothing for 0\.2 s/);
  const wrong = await end(startKvcast(["replay", silent, "--from", "5", "--to", "4"]));
  assert.equal(wrong.code, 78, wrong.err);
  assert.match(wrong.err, /--to: 4 comes before --from 5/);
});
