/**
 * Made-up KV-cache traffic of an engine. MAIN THREAD.
 *
 * What the built-in engine and `kvcast sim` have instead of a GPU: per attention-DP rank a few requests run at a time,
 * each grows one chain of blocks event by event, from a root or from one of a few hot prefixes. A finished request stays
 * in the cache until removals reach it: oldest request first, its last block first, so no block ever goes before its
 * children, and hot prefixes stay for good. Which blocks are live is therefore a list of (request, length); nothing is
 * kept per block, because the hash of block `index` of request `serial` is a one-to-one function of the two.
 *
 * Everything follows from the seed. A call of `next` allocates nothing.
 */
import type { TrafficConfig } from "../config/config.ts";
import { FinishedRequests } from "./finished-requests.ts";
import { Random } from "./random.ts";
import { PARENT, RAW_KIND, type RawEvent } from "./raw-event.ts";
import { BlockHashes, MAX_CHAIN_BLOCKS, TokenRuns } from "./traffic-content.ts";

/** The attention window that every made-up event bears. */
const WINDOW_SIZE = 131_072;

/** Requests that grow at the same time on one rank. */
const RUNNING = 4;
/** Hot prefixes of a rank: the first requests to finish, every second one, become those. */
const PREFIXES = 4;
/** Most blocks that the size of a removal is planned around. */
const MAX_TYPICAL_REMOVAL = 1024;
/** What was made so far: the truth that tests and the stand-in engine compare with. */
export interface TrafficCounts {
  created: number;
  stored: number;
  removed: number;
  storedBlocks: number;
  removedBlocks: number;
  requestsStarted: number;
  requestsFinished: number;
  /** Blocks of hot prefixes that requests started from. */
  reusedBlocks: number;
}

export class Traffic {
  readonly emitted: TrafficCounts = {
    created: 0,
    stored: 0,
    removed: 0,
    storedBlocks: 0,
    removedBlocks: 0,
    requestsStarted: 0,
    requestsFinished: 0,
    reusedBlocks: 0,
  };
  /** Id of the last event by rank; -1 before the first. */
  readonly lastEventId: Float64Array;

  readonly #events: number;
  readonly #blocks: number;
  readonly #tokens: number;
  readonly #ranks: number;
  readonly #removedBelow: number;
  readonly #typicalRemoval: number;
  readonly #random: Random;
  readonly #hashes: BlockHashes;
  readonly #tokenRuns: TokenRuns;

  #made = 0;
  #rank = 0;
  #nextSerial = 0;

  // One row per rank. A running request of length 0 is a free place.
  readonly #runningSerial: Float64Array;
  readonly #runningLength: Uint32Array;
  readonly #prefixSerial: Float64Array;
  readonly #prefixLength: Uint32Array;
  readonly #prefixCount: Uint8Array;
  readonly #finishedOnRank: Uint32Array;
  readonly #finished: FinishedRequests;

  constructor(config: TrafficConfig) {
    const { blocks, ranks, removed } = config;
    this.#events = config.events;
    this.#blocks = blocks;
    this.#tokens = config.tokens;
    this.#ranks = ranks;
    this.#removedBelow = removed * 2 ** 32;
    const balance = removed > 0 ? Math.round((blocks * (1 - removed)) / removed) : 1;
    this.#typicalRemoval = Math.min(Math.max(balance, 1), MAX_TYPICAL_REMOVAL);

    this.#random = new Random(config.seed);
    this.#hashes = new BlockHashes(this.#random);
    this.#tokenRuns = new TokenRuns(this.#random, blocks * config.tokens);

    this.lastEventId = new Float64Array(ranks).fill(-1);
    this.#runningSerial = new Float64Array(ranks * RUNNING);
    this.#runningLength = new Uint32Array(ranks * RUNNING);
    this.#prefixSerial = new Float64Array(ranks * PREFIXES);
    this.#prefixLength = new Uint32Array(ranks * PREFIXES);
    this.#prefixCount = new Uint8Array(ranks);
    this.#finishedOnRank = new Uint32Array(ranks);
    this.#finished = new FinishedRequests(ranks);
  }

  /** Publishable events made so far: stored and removed. */
  get made(): number {
    return this.#made;
  }

  /** Fills `raw` with the next event. False, with `raw` untouched, when all have been made. */
  next(raw: RawEvent): boolean {
    if (this.emitted.created < this.#ranks) {
      this.#begin(raw, this.emitted.created++);
      raw.kind = RAW_KIND.created;
      return true;
    }
    if (this.#made >= this.#events) return false;
    this.#made++;

    const dice = this.#random.next();
    // An engine's list is in runs of one rank: it collects the ranks' events rank by rank.
    if ((dice & 7) === 0) this.#rank = this.#rank + 1 === this.#ranks ? 0 : this.#rank + 1;
    const rank = this.#rank;
    this.#begin(raw, rank);
    // Nothing to remove yet: store instead, so that the number of events stays exact.
    if (this.#random.next() >>> 0 < this.#removedBelow && this.#finished.count(rank) > 0) {
      this.#removeOldest(raw, rank);
    } else {
      this.#store(raw, rank, dice >>> 3);
    }
    return true;
  }

  #begin(raw: RawEvent, rank: number): void {
    raw.reset();
    raw.rank = rank;
    raw.windowSize = WINDOW_SIZE;
    const id = (this.lastEventId[rank] as number) + 1;
    this.lastEventId[rank] = id;
    raw.eventId = id;
  }

  #store(raw: RawEvent, rank: number, dice: number): void {
    const place = rank * RUNNING + (dice & 3);
    let length = this.#runningLength[place] as number;
    if (length === 0) this.#startRequest(raw, rank, place, dice >>> 2);
    else this.#setParent(raw, this.#runningSerial[place] as number, length - 1);

    const serial = this.#runningSerial[place] as number;
    const blocks = this.#blocks;
    const run = this.#tokenRuns.pick();
    raw.kind = RAW_KIND.stored;
    raw.growTokens(run.length);
    raw.tokens.set(run);
    for (let i = 0; i < blocks; i++) {
      raw.tokenCount += this.#tokens;
      this.#addBlock(raw, serial, length + i);
    }
    length += blocks;
    this.#runningLength[place] = length;
    this.emitted.stored++;
    this.emitted.storedBlocks += blocks;

    // A chain is four events long on average.
    if (((dice >>> 8) & 3) === 0 || length + blocks > MAX_CHAIN_BLOCKS) this.#finishRequest(rank, place);
  }

  /** Three of four requests continue a hot prefix, once there is one. */
  #startRequest(raw: RawEvent, rank: number, place: number, dice: number): void {
    this.#runningSerial[place] = this.#nextSerial++;
    this.emitted.requestsStarted++;
    const prefixes = this.#prefixCount[rank] as number;
    if (prefixes === 0 || (dice & 3) === 0) {
      raw.parent = PARENT.none;
      return;
    }
    const prefix = rank * PREFIXES + (((dice >>> 2) & 15) % prefixes);
    const length = this.#prefixLength[prefix] as number;
    this.#setParent(raw, this.#prefixSerial[prefix] as number, length - 1);
    this.emitted.reusedBlocks += length;
  }

  #finishRequest(rank: number, place: number): void {
    const serial = this.#runningSerial[place] as number;
    const length = this.#runningLength[place] as number;
    this.#runningLength[place] = 0;
    this.emitted.requestsFinished++;
    const finished = (this.#finishedOnRank[rank] as number) + 1;
    this.#finishedOnRank[rank] = finished;

    const prefixes = this.#prefixCount[rank] as number;
    if ((finished & 1) === 0 && prefixes < PREFIXES) {
      this.#prefixSerial[rank * PREFIXES + prefixes] = serial;
      this.#prefixLength[rank * PREFIXES + prefixes] = length;
      this.#prefixCount[rank] = prefixes + 1;
      return;
    }
    this.#finished.add(rank, serial, length);
  }

  #removeOldest(raw: RawEvent, rank: number): void {
    raw.kind = RAW_KIND.removed;
    // Small removals while there is room, large ones when it gets tight: the cache fills up and then stays full.
    const typical = this.#typicalRemoval;
    let left = 1 + ((this.#random.next() >>> 0) % typical);
    if (this.#finished.isHalfFull(rank)) left += typical;

    while (left > 0 && this.#finished.count(rank) > 0) {
      const serial = this.#finished.oldestSerial(rank);
      let length = this.#finished.oldestLength(rank);
      for (; left > 0 && length > 0; left--) {
        length--;
        this.#addBlock(raw, serial, length);
      }
      this.#finished.shortenOldest(rank, length);
    }
    this.emitted.removed++;
    this.emitted.removedBlocks += raw.blockCount;
  }

  #setParent(raw: RawEvent, serial: number, index: number): void {
    const { pair } = this.#hashes;
    this.#hashes.compute(serial, index);
    raw.parent = PARENT.given;
    raw.parentLo = (pair[0] as number) >>> 0;
    raw.parentHi = (pair[1] as number) >>> 0;
  }

  #addBlock(raw: RawEvent, serial: number, index: number): void {
    const { pair } = this.#hashes;
    this.#hashes.compute(serial, index);
    raw.addBlock(pair[0] as number, pair[1] as number, false);
  }
}
