/** The golden messages of `docs/vectors`: one file a dialect, made by the encoder; `npm run docs` writes them, a test reads them. */
import { ENGINE_WIRE_FORMATS, type EngineWireFormat } from "../../src/shared/wire-format.ts";
import { sequenceFrame } from "../../src/shared/zmq-wire.ts";
import { type EventSpec, publishedEvent, type StoredSpec } from "./published.ts";
import { FIXED_SECONDS, WireBatch } from "./wire.ts";

/** What an event says, whatever the dialect: hashes as unsigned decimals, because JSON's numbers cannot hold them. */
export interface VectorEvent {
  readonly type: "BlockStored" | "BlockRemoved" | "AllBlocksCleared";
  readonly block_hashes?: readonly string[];
  readonly parent_block_hash?: string | null;
  readonly token_ids?: readonly number[];
  readonly block_size?: number;
}

export interface VectorMessage {
  readonly name: string;
  /** The three frames of the message, in hexadecimal digits. */
  readonly frames: readonly [string, string, string];
  readonly topic: string;
  readonly sequence: number;
  readonly timestamp: number;
  readonly rank: number;
  readonly events: readonly VectorEvent[];
}

export interface VectorFile {
  readonly dialect: EngineWireFormat;
  readonly messages: readonly VectorMessage[];
}

const BLOCK_SIZE = 2;
const U64 = 1n << 64n;
/** The ends of each integer form of msgpack, and what is negative as a signed number. */
const EDGES = [
  0n,
  127n,
  128n,
  255n,
  256n,
  65_535n,
  65_536n,
  (1n << 31n) - 1n,
  1n << 31n,
  (1n << 32n) - 1n,
  1n << 32n,
].concat((1n << 63n) - 1n, 1n << 63n, U64 - (1n << 31n), U64 - 129n, U64 - 128n, U64 - 33n, U64 - 32n, U64 - 1n);

const PLAIN: Omit<StoredSpec, "hashes" | "tokens"> = {
  type: "stored",
  parent: null,
  loraName: null,
  loraId: 0,
  salt: null,
  mm: undefined,
};

interface Case {
  readonly name: string;
  readonly topic: string;
  readonly sequence: number;
  readonly rank: number;
  readonly event: EventSpec;
}

const CASES: readonly Case[] = [
  {
    name: "a chain of two blocks at the root",
    topic: "",
    sequence: 0,
    rank: 0,
    event: { ...PLAIN, hashes: [11n, 12n], tokens: [1, 2, 3, 4] },
  },
  {
    name: "a block behind another, with adapter, salt and an image",
    topic: "kv",
    sequence: 1,
    rank: 3,
    event: {
      ...PLAIN,
      hashes: [13n],
      parent: 12n,
      tokens: [128_256, 5],
      loraName: "adapter",
      loraId: 7,
      salt: "tenant",
      mm: [[0xfedc_ba98_7654_3210n]],
    },
  },
  {
    name: "hashes at the ends of each integer form",
    topic: "",
    sequence: 258,
    rank: 0,
    event: { ...PLAIN, hashes: EDGES, parent: U64 - 2n, tokens: EDGES.flatMap((_, i) => [i, 100_000 + i]) },
  },
  { name: "blocks that are gone", topic: "", sequence: 259, rank: 1, event: { type: "removed", hashes: EDGES } },
  { name: "a rank that is cleared", topic: "", sequence: 2 ** 53 - 1, rank: 1, event: { type: "cleared" } },
];

function said(event: EventSpec): VectorEvent {
  if (event.type === "cleared") return { type: "AllBlocksCleared" };
  const hashes = event.hashes.map(String);
  if (event.type === "removed") return { type: "BlockRemoved", block_hashes: hashes };
  return {
    type: "BlockStored",
    block_hashes: hashes,
    parent_block_hash: event.parent === null ? null : String(event.parent),
    token_ids: event.tokens,
    block_size: BLOCK_SIZE,
  };
}

function message(dialect: EngineWireFormat, { name, topic, sequence, rank, event }: Case): VectorMessage {
  const batch = new WireBatch();
  batch.add(publishedEvent(event, rank));
  const [entry] = batch.encode(dialect, BLOCK_SIZE, rank).entries;
  if (entry === undefined) throw new Error(`${dialect} has no message for ${name}`);
  return {
    name,
    topic,
    sequence,
    timestamp: FIXED_SECONDS,
    rank,
    events: [said(event)],
    frames: [
      Buffer.from(topic).toString("hex"),
      sequenceFrame(sequence).toString("hex"),
      entry.payload.toString("hex"),
    ],
  };
}

/** Paths from the root of the repository, and what is in the files. */
export function wireVectorFiles(): readonly { readonly path: string; readonly text: string }[] {
  return ENGINE_WIRE_FORMATS.map((dialect) => {
    const file: VectorFile = { dialect, messages: CASES.map((each) => message(dialect, each)) };
    return { path: `docs/vectors/${dialect}.json`, text: `${JSON.stringify(file, null, 2)}\n` };
  });
}
