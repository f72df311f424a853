/**
 * The first piece of a snapshot: what it is, as a msgpack map of plain values. INDEX THREAD; pure.
 */
import { encode } from "@msgpack/msgpack";
import type { Epoch } from "../shared/index-messages.ts";
import type { WireFormat } from "../shared/wire-format.ts";
import { SNAPSHOT_VERSION } from "../shared/zmq-wire.ts";
import type { RankSummary } from "./snapshot-scan.ts";

export interface SnapshotFacts {
  readonly epoch: Epoch;
  /** Number of the last message that is contained. */
  readonly sequence: number;
  readonly blocks: number;
  readonly ranks: readonly RankSummary[];
  readonly complete: boolean;
  readonly tokens: boolean;
  readonly blockSizeTokens: number;
  readonly wireFormat: WireFormat;
}

export function snapshotHeader(facts: SnapshotFacts): Uint8Array {
  return encode({
    version: SNAPSHOT_VERSION,
    epoch: facts.epoch.uuid,
    started: facts.epoch.startedSeconds,
    sequence: facts.sequence,
    blocks: facts.blocks,
    ranks: facts.ranks.map(({ rank, blocks, complete }) => ({ rank, blocks, complete })),
    complete: facts.complete,
    tokens: facts.tokens,
    block_size: facts.blockSizeTokens,
    wire_format: facts.wireFormat,
  });
}
