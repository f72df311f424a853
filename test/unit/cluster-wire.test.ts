/** Bytes of leaders and workers against recorded ones, and against everything else that may come. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { decodeNote, encodeNote } from "../../src/main/cluster/answer-note.ts";
import { decodeVarints, encodeVarints } from "../../src/main/cluster/bincode.ts";
import { ClusterPayloadError } from "../../src/main/cluster/cluster-error.ts";
import { cacheSizes, DEFAULT_LEADER, initTimeoutMs, leaderEndpoints } from "../../src/main/cluster/endpoints.ts";
import {
  answerFrames,
  commandFrames,
  parseAnswer,
  parseCommand,
  refusalFrames,
} from "../../src/main/cluster/frames.ts";
import {
  decodeLeaderMetadata,
  decodeWorkerMetadata,
  encodeLeaderMetadata,
  encodeWorkerMetadata,
  planCaches,
} from "../../src/main/cluster/metadata.ts";
import { checkPools, decodeTransfer, encodeTransfer, type TransferRequest } from "../../src/main/cluster/transfer.ts";
import { ConfigError } from "../../src/shared/errors.ts";

interface Samples {
  readonly active_message_session: readonly { readonly step: string; readonly frames_hex: readonly string[] }[];
  readonly bincode_varint: readonly { readonly value: string; readonly hex: string }[];
}

const SAMPLES: Samples = JSON.parse(
  readFileSync(path.join(process.cwd(), "test/fixtures/consolidator/derived_wire_samples.json"), "utf8"),
);
const SESSION = SAMPLES.active_message_session.map(({ step, frames_hex }) => ({
  step,
  frames: frames_hex.map((hex) => Buffer.from(hex, "hex")),
}));
const NOTE = { worker: "a", boot: "b1", outcome: "done", error: null } as const;
const NO_CACHES = { cpuCacheGb: 0, cpuCacheOverrideBlocks: 0, diskCacheGb: 0, diskCacheOverrideBlocks: 0 };

function recorded(number: number): Buffer[] {
  return SESSION[number]?.frames ?? [];
}

function json(text: string): Buffer {
  return Buffer.from(text);
}

test("integers of bincode: recorded bytes both ways, longer forms than needed, what is cut short", () => {
  assert.equal(SAMPLES.bincode_varint.length, 8);
  for (const { value, hex } of SAMPLES.bincode_varint) {
    assert.equal(encodeVarints([BigInt(value)]).toString("hex"), hex);
    assert.deepEqual(decodeVarints(Buffer.from(hex, "hex"), 1), [BigInt(value)]);
  }
  assert.deepEqual(decodeVarints(Buffer.from("fd0500000000000000fb070009", "hex"), 2), [5n, 7n]);
  for (const hex of ["", "fb", "fb00", "fc000000", "fd00000000000000", "fe", "ff", "05fb00"]) {
    assert.throws(() => decodeVarints(Buffer.from(hex, "hex"), hex === "05fb00" ? 2 : 1), ClusterPayloadError, hex);
  }
  for (const value of [-1n, 1n << 64n]) assert.throws(() => encodeVarints([value]), RangeError);
});

test("the recorded session: each message is written byte for byte, and read back", () => {
  const commands = [
    commandFrames({ id: 1n, name: "worker_metadata", data: [] }),
    answerFrames(
      { id: 1n, name: "worker_metadata" },
      encodeWorkerMetadata({ numDeviceBlocks: 1024, bytesPerBlock: 2097152 }),
      null,
    ),
    commandFrames({
      id: 2n,
      name: "leader_metadata",
      data: [encodeLeaderMetadata({ numHostBlocks: 4768, numDiskBlocks: 0 })],
    }),
    answerFrames({ id: 2n, name: "leader_metadata" }, null, null),
    commandFrames({ id: 3n, name: "ping", data: [] }),
    commandFrames({ id: 4n, name: "ping", data: [] }),
    answerFrames({ id: 4n, name: "ping" }, null, null),
  ];
  for (const [i, frames] of commands.entries()) assert.deepEqual(frames, recorded(i), SESSION[i]?.step);
  for (const i of [7, 8]) {
    const command = parseCommand(recorded(i));
    assert.ok(typeof command !== "string");
    assert.equal(command.name, "transfer_blocks");
    const request = decodeTransfer(command.data[0] ?? Buffer.alloc(0));
    const again = commandFrames({ id: BigInt(i - 2), name: "transfer_blocks", data: [encodeTransfer(request)] });
    assert.deepEqual(again, recorded(i), SESSION[i]?.step);
  }
  assert.deepEqual(answerFrames({ id: 5n, name: "transfer_blocks" }, null, null), recorded(9));
  const reply = parseAnswer(recorded(1));
  assert.ok(typeof reply !== "string" && reply.payload !== null);
  assert.deepEqual(decodeWorkerMetadata(reply.payload), { numDeviceBlocks: 1024, bytesPerBlock: 2097152 });
  const sizes = decodeLeaderMetadata(recorded(2)[2] ?? Buffer.alloc(0));
  assert.deepEqual(sizes, { numHostBlocks: 4768, numDiskBlocks: 0 });
});

test("a note stands behind what a leader without notes looks at, and a refusal has an id that it does not know", () => {
  const command = { id: 7n, name: "transfer_blocks" };
  const ack = answerFrames(command, null, NOTE);
  assert.deepEqual(ack.slice(0, 2), [Buffer.from("0000000000000007", "hex"), Buffer.from("transfer_blocks")]);
  assert.deepEqual(parseAnswer(ack), { id: 7n, isRefusal: false, payload: null, note: NOTE });
  const reply = answerFrames(command, Buffer.from("P"), NOTE);
  assert.equal(reply[2]?.toString(), "P");
  assert.deepEqual(parseAnswer(reply), { id: 7n, isRefusal: false, payload: Buffer.from("P"), note: NOTE });
  const refusal = refusalFrames(command, { ...NOTE, outcome: "refused", error: "no" });
  assert.equal(refusal[0]?.toString("hex"), "8000000000000007");
  const read = parseAnswer(refusal);
  assert.ok(typeof read !== "string");
  assert.deepEqual([read.id, read.isRefusal, read.note?.error], [7n, true, "no"]);
  assert.equal(decodeNote(encodeNote({ ...NOTE, error: "x".repeat(10_000) }))?.error?.length, 500);
});

test("what is no note is a payload; what is no message is named", () => {
  const strange = [
    "kvcast/1",
    "kvcast/1 ",
    "kvcast/1 {",
    "kvcast/1 null",
    "kvcast/1 []",
    'kvcast/1 {"worker":"a","boot":"b"}',
    'kvcast/1 {"worker":"a","boot":"b","outcome":"fine"}',
    'kvcast/1 {"worker":"a b","boot":"b","outcome":"done"}',
    'kvcast/1 {"worker":"a\\u001b[2J","boot":"b","outcome":"done"}',
    'kvcast/1 {"worker":"","boot":"b","outcome":"done"}',
    'kvcast/1 {"worker":7,"boot":"b","outcome":"done"}',
    `kvcast/1 {"worker":"${"a".repeat(129)}","boot":"b","outcome":"done"}`,
    `kvcast/1 {"worker":"a","boot":"b","outcome":"done","error":"${"x".repeat(5000)}"}`,
  ];
  for (const text of strange) {
    const answer = parseAnswer([Buffer.alloc(8), Buffer.from("f"), Buffer.from(text)]);
    assert.ok(typeof answer !== "string");
    assert.deepEqual([answer.note, answer.payload?.toString()], [null, text]);
  }
  const steering = decodeNote(Buffer.from('kvcast/1 {"boot":"b","outcome":"failed","error":"a\\n\\u001b[2Jb"}'));
  assert.equal(steering?.error, "a [2Jb");
  assert.equal(parseAnswer([]), "too_few_frames");
  assert.equal(parseAnswer([Buffer.alloc(7)]), "bad_id");
  assert.equal(parseCommand([]), "too_few_frames");
  assert.equal(parseCommand([Buffer.alloc(8)]), "too_few_frames");
  assert.equal(parseCommand([Buffer.alloc(9), Buffer.from("ping")]), "bad_id");
  assert.equal(parseCommand([Buffer.from("8000000000000001", "hex"), Buffer.from("ping")]), "bad_id");
  assert.equal(parseCommand([Buffer.alloc(8), Buffer.from([0xff, 0xfe])]), "bad_function");
  assert.equal(parseCommand([Buffer.alloc(8), Buffer.alloc(300, 0x61)]), "bad_function");
});

test("transfers: pools that go together, every requirement, and nothing that is none", () => {
  const connectorRequest = {
    requestId: "r",
    uuid: "67e55044-10b1-426f-9247-bb680e5fe0c8",
    requirement: null,
    requestType: "Scheduled",
  } as const;
  const plain: TransferRequest = { fromPool: "Host", toPool: "Disk", blocks: [], connectorRequest: null };
  const requirements = [
    { kind: "iteration", iteration: 3 },
    { kind: "layer_name", layer: "l0", iteration: 3 },
    { kind: "layer", layer: 2, iteration: 3 },
  ] as const;
  for (const requirement of requirements) {
    const request = { ...plain, connectorRequest: { ...connectorRequest, requirement } };
    assert.deepEqual(decodeTransfer(encodeTransfer(request)), request);
  }
  assert.match(
    encodeTransfer({ ...plain, connectorRequest: { ...connectorRequest, requirement: requirements[1] } }).toString(),
    /"requirement":\{"LayerNameComplete":\["l0",3\]\},"request_type":"Scheduled"/,
  );
  const pools = ["Device", "Host", "Disk"] as const;
  const legal = pools.flatMap((fromPool) =>
    pools
      .filter((toPool) => {
        try {
          checkPools({ fromPool, toPool });
          return true;
        } catch (error) {
          assert.match(String(error), /Invalid transfer type\./);
          return false;
        }
      })
      .map((toPool) => `${fromPool} ${toPool}`),
  );
  assert.deepEqual(legal, ["Device Host", "Device Disk", "Host Device", "Host Disk", "Disk Device"]);
  const bad = [
    "",
    "nonsense",
    "null",
    "[]",
    '{"from_pool":"device","to_pool":"Host","blocks":[]}',
    '{"from_pool":"Device","to_pool":"Host"}',
    '{"from_pool":"Device","to_pool":"Host","blocks":[[1]]}',
    '{"from_pool":"Device","to_pool":"Host","blocks":[[1,-1]]}',
    '{"from_pool":"Device","to_pool":"Host","blocks":[[1,0.5]]}',
    '{"from_pool":"Device","to_pool":"Host","blocks":[[1,9007199254740993]]}',
    '{"from_pool":"Device","to_pool":"Host","blocks":[],"connector_req":{}}',
    '{"from_pool":"Device","to_pool":"Host","blocks":[],"connector_req":{"request_id":"r","uuid":"7","requirement":null,"request_type":"Immediate"}}',
    `{"from_pool":"Device","to_pool":"Host","blocks":[],"connector_req":{"request_id":"r","uuid":"${connectorRequest.uuid}","requirement":{"Never":1},"request_type":"Immediate"}}`,
    `{"from_pool":"Device","to_pool":"Host","blocks":[],"connector_req":{"request_id":"r","uuid":"${connectorRequest.uuid}","requirement":null,"request_type":"Soon"}}`,
  ];
  for (const text of bad) assert.throws(() => decodeTransfer(json(text)), ClusterPayloadError, text);
  const extra = decodeTransfer(
    json('{"later":1,"from_pool":"Device","to_pool":"Host","blocks":[],"connector_req":null}'),
  );
  assert.equal(extra.connectorRequest, null);
});

test("the sizes of caches follow from the workers' blocks as they do at Dynamo's leader", () => {
  const workers = [
    { numDeviceBlocks: 1024, bytesPerBlock: 1_048_576 },
    { numDeviceBlocks: 900, bytesPerBlock: 1_048_576 },
  ];
  assert.deepEqual(planCaches(workers, { ...NO_CACHES, cpuCacheGb: 10 }), {
    numDeviceBlocks: 900,
    bytesPerBlock: 2_097_152,
    numHostBlocks: 4768,
    numDiskBlocks: 0,
  });
  const overridden = planCaches(workers, { ...NO_CACHES, cpuCacheGb: 10, cpuCacheOverrideBlocks: 5, diskCacheGb: 0.5 });
  assert.deepEqual([overridden.numHostBlocks, overridden.numDiskBlocks], [5, 238]);
  assert.throws(() => planCaches(workers, NO_CACHES), /DYN_KVBM_CPU_CACHE_GB/);
  assert.throws(
    () => planCaches([{ numDeviceBlocks: 1, bytesPerBlock: 0 }], { ...NO_CACHES, diskCacheGb: 1 }),
    /bytes_per_block/,
  );
  assert.throws(() => decodeWorkerMetadata(encodeVarints([1n << 60n, 1n])), /num_device_blocks/);
});

test("the variables of Dynamo's block manager: defaults, values, and what is not allowed", () => {
  assert.deepEqual(leaderEndpoints({}), DEFAULT_LEADER);
  assert.deepEqual(
    leaderEndpoints({
      DYN_KVBM_LEADER_ZMQ_HOST: "leader.example",
      DYN_KVBM_LEADER_ZMQ_PUB_PORT: "7001",
      DYN_KVBM_LEADER_ZMQ_ACK_PORT: " 7002 ",
    }),
    { pub: "tcp://leader.example:7001", ack: "tcp://leader.example:7002" },
  );
  assert.equal(initTimeoutMs({}), 120_000);
  assert.equal(initTimeoutMs({ DYN_KVBM_LEADER_WORKER_INIT_TIMEOUT_SECS: "1800" }), 1_800_000);
  assert.deepEqual(cacheSizes({ DYN_KVBM_CPU_CACHE_GB: "0.5", DYN_KVBM_DISK_CACHE_OVERRIDE_NUM_BLOCKS: "9" }), {
    ...NO_CACHES,
    cpuCacheGb: 0.5,
    diskCacheOverrideBlocks: 9,
  });
  const bad = [
    { DYN_KVBM_LEADER_ZMQ_HOST: "a b" },
    { DYN_KVBM_LEADER_ZMQ_PUB_PORT: "0" },
    { DYN_KVBM_LEADER_ZMQ_PUB_PORT: "65536" },
    { DYN_KVBM_LEADER_ZMQ_PUB_PORT: "56002" },
  ];
  for (const env of bad) assert.throws(() => leaderEndpoints(env), ConfigError);
  assert.throws(() => initTimeoutMs({ DYN_KVBM_LEADER_WORKER_INIT_TIMEOUT_SECS: "soon" }), ConfigError);
  assert.throws(() => cacheSizes({ DYN_KVBM_CPU_CACHE_GB: "-1" }), ConfigError);
});
