/**
 * The benches' rival in Python does the whole work of the class that it stands for: for each recorded script of engine events
 * it sends the very bytes that were recorded. Skipped where it cannot run.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { findPython, type PythonClass, pythonFrames } from "../../bench/support/python.ts";

interface Recorded {
  readonly messages: readonly {
    readonly topic_hex: string;
    readonly sequence_hex: string;
    readonly payload_hex: string;
  }[];
}

interface GoldenCase {
  readonly name: string;
  readonly kv_block_size: number;
  readonly input_events: readonly unknown[];
  readonly v0_zmq: Recorded;
  readonly v1_zmq: Recorded;
}

const { cases } = JSON.parse(
  readFileSync(path.join(process.cwd(), "test/fixtures/dynamo/golden_kv_events.json"), "utf8"),
) as { readonly cases: readonly GoldenCase[] };
/** What the recordings' clock said. */
const SECONDS = 1_700_000_000.5;

function framesOf({ messages }: Recorded): string[][] {
  return messages.map(({ topic_hex: topic, sequence_hex: sequence, payload_hex: payload }) => [
    topic,
    sequence,
    payload,
  ]);
}

const python = findPython();

for (const [publisherClass, recording] of [
  ["august", "v1_zmq"],
  ["january", "v0_zmq"],
] as const satisfies readonly (readonly [PythonClass, keyof GoldenCase])[]) {
  test(`the class of ${publisherClass}, byte for byte`, { skip: "missing" in python ? python.missing : false }, () => {
    const sent = pythonFrames(
      cases.map((each) => ({
        class: publisherClass,
        blockSize: each.kv_block_size,
        seconds: SECONDS,
        events: each.input_events,
      })),
    );
    const withMessages = cases.filter((each) => each[recording].messages.length > 0).length;
    assert.ok(withMessages > 30, `${withMessages} scripts with messages`);
    for (const [i, each] of cases.entries()) assert.deepEqual(sent[i], framesOf(each[recording]), each.name);
  });
}
