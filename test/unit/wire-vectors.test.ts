/** The golden messages are what the encoder makes, and decoders that are not ours read them as the files say. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { decode } from "@msgpack/msgpack";
import { type VectorEvent, type VectorFile, wireVectorFiles } from "../support/wire-vectors.ts";

const files = wireVectorFiles();
/** Debian's own, which has modules from packages. */
const PYTHON = "/usr/bin/python3";

test("the files are byte for byte what npm run docs writes, and there are no others", () => {
  for (const { path, text } of files) {
    assert.ok(existsSync(path), `${path} is missing: npm run docs`);
    assert.equal(readFileSync(path, "utf8"), text, `${path}: npm run docs`);
  }
  const there = readdirSync("docs/vectors").map((name) => `docs/vectors/${name}`);
  assert.deepEqual(there.toSorted(), files.map(({ path }) => path).toSorted());
});

function unsigned(value: unknown): string {
  assert.ok(typeof value === "bigint" || typeof value === "number");
  return String(BigInt.asUintN(64, BigInt(value)));
}

/** Places of the arrays of `vllm-array`, as the page about the wire has them. */
function fieldsOf(event: unknown): Readonly<Record<string, unknown>> {
  if (!Array.isArray(event)) return event as Readonly<Record<string, unknown>>;
  const [type, hashes, parent, tokens, size] = event as readonly unknown[];
  return { type, block_hashes: hashes, parent_block_hash: parent, token_ids: tokens, block_size: size };
}

function readEvent(event: unknown): VectorEvent {
  const fields = fieldsOf(event);
  const type = fields["type"] as VectorEvent["type"];
  if (type === "AllBlocksCleared") return { type };
  const hashes = (fields["block_hashes"] as readonly unknown[]).map(unsigned);
  if (type === "BlockRemoved") return { type, block_hashes: hashes };
  const parent = fields["parent_block_hash"];
  return {
    type,
    block_hashes: hashes,
    parent_block_hash: parent === null ? null : unsigned(parent),
    token_ids: (fields["token_ids"] as readonly unknown[]).map(Number),
    block_size: Number(fields["block_size"]),
  };
}

test("a general msgpack library reads in the frames what the files say", () => {
  for (const { path, text } of files) {
    const { messages } = JSON.parse(text) as VectorFile;
    for (const { name, frames, topic, sequence, timestamp, rank, events } of messages) {
      const [first, second, third] = frames.map((hex) => Buffer.from(hex, "hex"));
      assert.ok(first !== undefined && second !== undefined && third !== undefined);
      assert.equal(first.toString("utf8"), topic);
      assert.equal(second.length, 8);
      assert.equal(second.readBigUInt64BE(), BigInt(sequence));
      const [seconds, list, where] = decode(third, { useBigInt64: true }) as [number, readonly unknown[], number];
      assert.deepEqual({ seconds, where }, { seconds: timestamp, where: rank }, `${path}: ${name}`);
      assert.deepEqual(list.map(readEvent), events, `${path}: ${name}`);
    }
  }
});

/** The same in another language, with its library: ends with 1 and says where, when something is read otherwise. */
const READER = `
import json, sys, msgpack
NAMES = ["type", "block_hashes", "parent_block_hash", "token_ids", "block_size"]
def read(event):
    fields = dict(zip(NAMES, event)) if isinstance(event, list) else event
    said = {"type": fields["type"]}
    if said["type"] == "AllBlocksCleared": return said
    said["block_hashes"] = [str(h % 2**64) for h in fields["block_hashes"]]
    if said["type"] == "BlockRemoved": return said
    parent = fields["parent_block_hash"]
    said["parent_block_hash"] = None if parent is None else str(parent % 2**64)
    said["token_ids"], said["block_size"] = fields["token_ids"], fields["block_size"]
    return said
count = 0
for name in sys.argv[1:]:
    for message in json.load(open(name))["messages"]:
        topic, sequence, payload = (bytes.fromhex(frame) for frame in message["frames"])
        seconds, events, rank = msgpack.unpackb(payload)
        assert topic.decode() == message["topic"], (name, message["name"])
        assert int.from_bytes(sequence, "big") == message["sequence"], (name, message["name"])
        assert isinstance(seconds, float) and seconds == message["timestamp"] and rank == message["rank"]
        assert [read(event) for event in events] == message["events"], (name, message["name"])
        count += 1
print(count)
`;

test("Python's msgpack reads the same", (t) => {
  if (spawnSync(PYTHON, ["-E", "-s", "-c", "import msgpack"], { stdio: "ignore" }).status !== 0) {
    t.skip("python3-msgpack is not installed (node scripts/setup-test-tools.js, as root on Debian)");
    return;
  }
  const names = files.map(({ path }) => path);
  const { status, stdout, stderr } = spawnSync(PYTHON, ["-E", "-s", "-c", READER, ...names], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.equal(Number(stdout), files.length * 5);
});
