/** Messages of leaders and workers, frame by frame: what is read of them, and what a worker does and answers. */
import assert from "node:assert/strict";
import { decodeNote, encodeNote } from "../../../src/main/cluster/answer-note.ts";
import { ClusterPayloadError } from "../../../src/main/cluster/cluster-error.ts";
import {
  answerFrames,
  commandFrames,
  isYield,
  parseAnswer,
  parseCommand,
  refusalFrames,
  yieldFrames,
} from "../../../src/main/cluster/frames.ts";
import {
  decodeLeaderMetadata,
  decodeWorkerMetadata,
  encodeLeaderMetadata,
  encodeWorkerMetadata,
} from "../../../src/main/cluster/metadata.ts";
import { PendingCall } from "../../../src/main/cluster/pending-call.ts";
import { checkPools, decodeTransfer, encodeTransfer } from "../../../src/main/cluster/transfer.ts";
import { WorkerDesk, type WorkerProblem } from "../../../src/main/cluster/worker-desk.ts";
import { fixture } from "../fixtures.ts";
import { FRAMES_SYNTAX } from "../syntax.ts";
import { type FuzzTarget, joinParts, partsOf, type Session } from "../target.ts";

interface Samples {
  readonly active_message_session: readonly { readonly frames_hex: readonly string[] }[];
}

/** Longest that a worker says of what was wrong, whatever it got. */
const LONGEST_MESSAGE = 1000;
/** Frames that are read as everything that a frame may be. */
const MOST_FRAMES = 8;
const NOTE = { worker: "w0", boot: "b1", outcome: "done", error: null } as const;
const UUID = "12345678-1234-1234-1234-123456789abc";

function commandOf(name: string, ...data: readonly Buffer[]): Buffer[] {
  return commandFrames({ id: 7n, name, data });
}

function seeds(): Buffer[] {
  const { active_message_session: session }: Samples = JSON.parse(
    fixture("consolidator/derived_wire_samples.json").toString(),
  );
  const recorded = session.map(({ frames_hex }) => frames_hex.map((hex) => Buffer.from(hex, "hex")));
  const blocks = [[1, 2] as const, [3, 4] as const];
  const transfer = { fromPool: "Device", toPool: "Host", blocks, connectorRequest: null } as const;
  const requirement = { kind: "layer_name", layer: "l", iteration: 3 } as const;
  const connectorRequest = { requestId: "r", uuid: UUID, requirement, requestType: "Scheduled" } as const;
  const made = [
    commandOf("leader_metadata", encodeLeaderMetadata({ numHostBlocks: 70_000, numDiskBlocks: 2 ** 40 })),
    commandOf("transfer_blocks", encodeTransfer(transfer)),
    commandOf("transfer_blocks", encodeTransfer({ ...transfer, connectorRequest })),
    commandOf("own", Buffer.from("x")),
    answerFrames(
      { id: 7n, name: "worker_metadata" },
      encodeWorkerMetadata({ numDeviceBlocks: 300, bytesPerBlock: 9 }),
      NOTE,
    ),
    answerFrames({ id: 7n, name: "ping" }, null, NOTE),
    refusalFrames({ id: 7n, name: "ping" }, { ...NOTE, outcome: "refused", error: "no" }),
    yieldFrames(),
  ];
  return [...recorded, ...made].map((frames) => joinParts(frames));
}

export const CLUSTER: FuzzTarget = {
  name: "cluster",
  about: "active messages of leaders and workers",
  syntax: FRAMES_SYNTAX,
  seeds,
  open,
};

/** What `read` makes of the frame; null when it refuses it in the way it should. */
function refusable<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof ClusterPayloadError, String(error));
    assert.ok(error.message.length < LONGEST_MESSAGE);
    return null;
  }
}

function readFrame(frame: Buffer): void {
  for (const [decode, encode] of [
    [decodeWorkerMetadata, encodeWorkerMetadata],
    [decodeLeaderMetadata, encodeLeaderMetadata],
  ] as const) {
    const read = refusable(() => decode(frame));
    // Each is written by the writer of its own kind.
    if (read !== null) assert.deepEqual(decode((encode as (value: unknown) => Buffer)(read)), read);
  }
  const transfer = refusable(() => decodeTransfer(frame));
  if (transfer !== null) {
    assert.deepEqual(decodeTransfer(encodeTransfer(transfer)), transfer);
    refusable(() => checkPools(transfer));
  }
  const note = decodeNote(frame);
  if (note !== null) {
    assert.deepEqual(decodeNote(encodeNote(note)), note);
    assert.ok(!/\p{Cc}/u.test(`${note.worker ?? ""}${note.boot}${note.error ?? ""}`), "it fits on a line");
  }
}

function open(): Session {
  const problems: WorkerProblem[] = [];
  let handled = 0;
  const done = async (): Promise<void> => void handled++;
  const ending = new AbortController();
  const duties = {
    metadata: () => ({ numDeviceBlocks: 1024, bytesPerBlock: 4096 }),
    allocate: done,
    transfer: done,
    handlers: { own: async () => (await done(), Buffer.from("y")) },
    onProblem: (problem: WorkerProblem): void => void problems.push(problem),
  };
  const identity = { worker: "w0", boot: "b1" };
  let desk = new WorkerDesk(identity, duties, ending.signal);

  const run = async (input: Uint8Array): Promise<void> => {
    const frames = partsOf(input);
    for (const frame of frames.slice(0, MOST_FRAMES)) readFrame(frame);
    const isToYield = isYield(frames);

    const answer = parseAnswer(frames);
    if (typeof answer === "string") assert.ok(frames[0]?.length !== 8);
    else {
      assert.ok(answer.id >= 0n && answer.id < 2n ** 63n);
      const call = new PendingCall({ wanted: 2 });
      assert.ok(call.take(answer));
      assert.equal(
        call.take(answer),
        answer.note?.worker === undefined || answer.note.worker === null,
        "named ones count once",
      );
      assert.equal(call.answers.length <= 2, true);
    }

    problems.length = 0;
    handled = 0;
    const command = parseCommand(frames);
    const reply = await desk.handle(frames);
    await new Promise<void>((resolve) => queueMicrotask(resolve));
    if (typeof command === "string") {
      assert.equal(reply, null, "what cannot be read has no answer");
      assert.deepEqual(
        problems.map(({ kind }) => kind),
        ["bad_frame"],
      );
      return;
    }
    assert.ok(problems.length <= 1 && handled <= 1);
    for (const { message } of problems) assert.ok(message.length < LONGEST_MESSAGE, "a problem is told in few words");
    if (reply === null) {
      assert.equal(command.name, "ping", "only a ping may wait");
      assert.ok(!desk.isReady);
    } else {
      const told = parseAnswer(reply);
      assert.ok(typeof told !== "string");
      assert.equal(told.id, command.id & (2n ** 63n - 1n), "the answer is to this command");
      assert.ok(told.note !== null && (told.isRefusal ? told.note.outcome === "refused" : true));
      if (isToYield) assert.ok(told.isRefusal, "a worker does not know what to yield");
    }
    if (desk.isReady) desk = new WorkerDesk(identity, duties, ending.signal);
  };
  return { run, close: () => ending.abort() };
}
