/**
 * The most memory that events can take up, computed from the configuration. MAIN THREAD; pure.
 */
import {
  BLOCK_BYTES,
  MAX_OPEN_SNAPSHOTS,
  maxGraves,
  MIN_SIDE_BYTES,
  SIDE_BYTES_A_BLOCK,
} from "../shared/index-limits.ts";
import { REPLAY_MAX_CLIENTS, replayClientBytes, replayMessageBytes } from "../shared/queue-sizes.ts";
import { roundToLine } from "../shared/ring-layout.ts";
import { NATS_FLIGHT_BYTES, PLANE_GATE_BYTES_A_HASH, PLANE_GATE_HASHES } from "../shared/nats-limits.ts";
import type { EngineConfig, PublishConfig, ServeConfig } from "./config/config.ts";
import { MAX_STATS_BYTES } from "./load/stats-poller.ts";
import { MAX_PERF_BYTES } from "./perf/perf-poller.ts";
import { KEPT_REQUEST_BYTES, MAX_KEPT_REQUESTS } from "./perf/perf-ring.ts";
import { MAX_CHUNK_BYTES } from "./record/recording-format.ts";
import { socketBoundBytes } from "./zmq-engine/queue-bytes.ts";

/** Of the hash table, whose size is a power of two: at most this for each block allowed. */
const PLACE_BYTES_A_BLOCK = 16;
/** Of a page of an engine: as it is read, twice, as a block in two formats, and as part of two pages in two forms each. */
const PAGE_COPIES = 8;
/** Consolidators have no engines, and no pages of theirs. */
type PageBound = PublishConfig & Partial<Pick<ServeConfig, "engineMetrics">>;
const MIB: number = 1 << 20;
/** For each snapshot: a piece, and some more asked for ahead. */
const SNAPSHOT_BYTES: number = 2 * MIB;

/**
 * Bytes: most that the index of live blocks takes up, with all its snapshots open. About 150 bytes a block, and 5 more for each of
 * its tokens.
 */
export function indexBoundBytes(maxBlocks: number, kvBlockSizeTokens: number, keepTokens: boolean): number {
  const slots = maxBlocks + maxGraves(maxBlocks);
  const slotBytes = BLOCK_BYTES + (keepTokens ? 4 * kvBlockSizeTokens : 0);
  // Each of four scans has two bits a slot.
  const perBlock = SIDE_BYTES_A_BLOCK + PLACE_BYTES_A_BLOCK;
  return (
    slots * (slotBytes + 1) + MIB + Math.max(MIN_SIDE_BYTES, maxBlocks * perBlock) + MAX_OPEN_SNAPSHOTS * SNAPSHOT_BYTES
  );
}

/** Bytes: most that libzmq holds for clients of the replay socket that do not read, all of them together. */
function replayQueuesBytes(config: PublishConfig): number {
  if (config.replayEndpoint === null) return 0;
  const message = replayMessageBytes(config.wireFormat, roundToLine(config.slotBytes), config.snapshot);
  return REPLAY_MAX_CLIENTS * replayClientBytes(message);
}

/** Bytes: most that NATS takes up: the queue, what the socket holds besides, counts of live blocks. */
function natsBytes({ nats }: PublishConfig): number {
  if (nats === null) return 0;
  const gate = nats.events && nats.encoding === "dynamo" ? PLANE_GATE_HASHES * PLANE_GATE_BYTES_A_HASH : 0;
  return nats.queueBytes + 2 * NATS_FLIGHT_BYTES + gate;
}

/** Bytes: one answer of statistics and one with records of requests, of each engine, its text and what is made of it; and the requests that are kept. */
function dataBytes({ engines = [], iterationStats = "off", perfMetrics = "off" }: PublishConfig): number {
  const [hasStats, hasPerf] = [iterationStats !== "off", perfMetrics !== "off"];
  let bytes = 0;
  for (const engine of engines) {
    if (engine.kind !== "http") continue;
    // No answer may be larger than those of events.
    if (hasStats) bytes += 2 * Math.min(engine.maxResponseBytes, MAX_STATS_BYTES);
    if (hasPerf) {
      bytes += 2 * Math.min(engine.maxResponseBytes, MAX_PERF_BYTES) + MAX_KEPT_REQUESTS * KEPT_REQUEST_BYTES;
    }
  }
  return bytes;
}

/** Bytes: of each engine two pages of metrics, the one that is shown and the next, and what is made of them. */
function pageBytes({ engines = [], engineMetrics }: PageBound): number {
  if (engineMetrics === null || engineMetrics === undefined) return 0;
  return engines.filter(({ kind }) => kind === "http").length * PAGE_COPIES * engineMetrics.maxBytes;
}

/** Bytes: most that waits between an engine and the pipeline. */
function sourceBytes(engine: EngineConfig): number {
  // An answer may be one event, which is read as a whole: nothing smaller is a bound.
  if (engine.kind === "http") return 2 * engine.maxResponseBytes;
  if (engine.kind === "synthetic") return 0;
  // A chunk, packed and unpacked.
  if (engine.kind === "file") return 2 * MAX_CHUNK_BYTES;
  const { sockets } = engine;
  return sockets.reduce((sum, socket) => sum + socketBoundBytes(sockets.length, socket.replayEndpoint !== null), 0);
}

/**
 * Bytes: the pipeline's own buffers; the index, if there is one; one drained answer of each engine (its text, and at most as much again in
 * records of an oversize event), or the messages that wait of one that publishes itself; what libzmq may hold for one subscriber that does not read, and for all clients of the
 * replay socket; and what is kept for NATS. A further such subscriber costs `zmqQueueBytes` more. The program itself (code, heap at rest) is not in it.
 */
export function memoryBoundBytes(config: PageBound, pipelineBytes: number): number {
  const answers = (config.engines ?? []).reduce((sum, engine) => sum + sourceBytes(engine), 0);
  const queue = config.zmqEndpoint === null ? 0 : config.zmqQueueBytes;
  const index = config.snapshot
    ? indexBoundBytes(config.snapshotMaxBlocks, config.kvBlockSizeTokens, config.snapshotTokens)
    : 0;
  const engineData = dataBytes(config) + pageBytes(config);
  return pipelineBytes + index + answers + queue + replayQueuesBytes(config) + natsBytes(config) + engineData;
}
