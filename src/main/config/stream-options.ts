/**
 * Options of the published stream as a whole: its identity over restarts, what kvcast adds to it, and the snapshot of what it
 * amounts to. MAIN THREAD, at start only.
 */
import type { Defaulted, OptionSpec } from "./option-spec.ts";
import { directoryName, integer, oneOf, onOff, orWord, seconds } from "./value-types.ts";

export type SequenceStart = "zero" | "time";
/** Sinks whose messages go without token ids and cache salts. */
export type RedactTokens = "none" | "zmq" | "nats" | "all";
export type OnEngineGap = "mark" | "clear";

export const STREAM_OPTIONS: {
  readonly sequenceStart: Defaulted<SequenceStart>;
  readonly clearOnStart: OptionSpec<boolean>;
  readonly onEngineGap: Defaulted<OnEngineGap>;
  readonly publishTierMoves: Defaulted<boolean>;
  readonly heartbeat: Defaulted<number | null>;
  readonly redactTokens: Defaulted<RedactTokens>;
} = {
  sequenceStart: {
    name: "sequence-start",
    type: oneOf(["zero", "time"] as const),
    env: [{ name: "KVCAST_SEQUENCE_START" }],
    default: "zero", // a number that goes back tells a subscriber of the restart
    group: "Stream",
    help:
      "First sequence number: zero, or time for the microseconds since 1970, for subscribers that ignore a publisher " +
      "which starts again at 0, such as Dynamo's indexer.",
  },
  clearOnStart: {
    name: "clear-on-start",
    type: onOff,
    bare: "on",
    env: [{ name: "KVCAST_CLEAR_ON_START" }],
    defaultNote: "on; off for dynamo*",
    group: "Stream",
    help: "Publish one AllBlocksCleared a rank before anything else, so that nobody keeps blocks of an earlier run.",
  },
  onEngineGap: {
    name: "on-engine-gap",
    type: oneOf(["mark", "clear"] as const),
    env: [{ name: "KVCAST_ON_ENGINE_GAP" }],
    default: "mark",
    group: "Stream",
    help:
      "When event ids of the engine are missing, or messages that it published and no replay brought: mark the rank as dirty on /health and in the metrics, " +
      "or clear it, which also publishes AllBlocksCleared for it.",
  },
  publishTierMoves: {
    name: "publish-tier-moves",
    type: onOff,
    bare: "on",
    env: [{ name: "KVCAST_PUBLISH_TIER_MOVES" }],
    default: "off", // whoever does not look at the medium takes such a block for one that is on the device
    group: "Stream",
    help:
      "Publish what engines tell of blocks in host memory, on disks and in external storage too, with their medium; " +
      "otherwise those events are left out. See docs/engines.md.",
  },
  heartbeat: {
    name: "heartbeat",
    type: orWord(seconds(0.1, 86_400), "off", null),
    env: [{ name: "KVCAST_HEARTBEAT" }],
    default: "off", // some subscribers refuse a batch without events
    group: "Stream",
    help: "Publish an empty batch after so much silence, so that subscribers notice what they lost last; off for none.",
  },
  redactTokens: {
    name: "redact-tokens",
    type: oneOf(["none", "zmq", "nats", "all"] as const),
    env: [{ name: "KVCAST_REDACT_TOKENS" }],
    default: "none", // most readers hash the tokens themselves, and can do nothing without them
    group: "Stream",
    help:
      "Sinks whose messages go out without token ids and cache salts, hashes only; zmq covers replays, snapshots and the " +
      "state directory too. docs/wire-format.md says which readers cannot do without. NATS in dynamo's encoding never has any.",
  },
};

export const SNAPSHOT_OPTIONS: {
  readonly snapshot: Defaulted<boolean>;
  readonly snapshotMaxBlocks: Defaulted<number>;
  readonly snapshotTokens: Defaulted<boolean>;
  readonly stateDir: OptionSpec<string>;
} = {
  snapshot: {
    name: "snapshot",
    type: onOff,
    bare: "on",
    env: [{ name: "KVCAST_SNAPSHOT" }],
    default: "off", // it costs memory, and a part of the greatest possible rate
    group: "Snapshot",
    help: "Keep an index of all live blocks in a thread of its own, and serve it at /v1/kv/snapshot and on the replay socket.",
  },
  snapshotMaxBlocks: {
    name: "snapshot-max-blocks",
    type: integer({ min: 1, max: 16_777_216, unit: "blocks" }),
    env: [{ name: "KVCAST_SNAPSHOT_MAX_BLOCKS" }],
    default: "1000000",
    group: "Snapshot",
    help: "Most blocks in that index; once there were more, the snapshot says that it is incomplete.",
  },
  snapshotTokens: {
    name: "snapshot-tokens",
    type: onOff,
    bare: "on",
    env: [{ name: "KVCAST_SNAPSHOT_TOKENS" }],
    default: "on", // routers that hash tokens themselves cannot use blocks without them
    group: "Snapshot",
    help: "Keep the token ids of each block too, 4 bytes a token; off leaves token_ids empty in the snapshot.",
  },
  stateDir: {
    name: "state-dir",
    type: directoryName,
    env: [{ name: "KVCAST_STATE_DIR" }],
    group: "Snapshot",
    help:
      "Directory that keeps the index over a restart of kvcast, so that subscribers need not be cleared. " +
      "Holds token ids, unless --snapshot-tokens is off or --redact-tokens forbids them. Needs --snapshot.",
  },
};
