/**
 * The indexer's loop: published slots, in order, into the index; between them what is asked of it. INDEX THREAD. How a slot gets
 * into the index, and what the index can say of itself, is in `index-contents.ts`.
 *
 * Nothing may keep a slot waiting for long, because a slot that is not indexed is not free: after a few milliseconds of slots
 * the event loop gets a turn, and then one piece of a snapshot, and one of a save, are made. While nothing is published,
 * piece follows piece; beside live publishing each is followed by a rest twice as long as it took, because whoever publishes
 * needs the processor too.
 */
import type { MessagePort } from "node:worker_threads";
import { receiveMessageOnPort } from "node:worker_threads";
import type { IndexMessage, IndexRequest, IndexStream, SavedState } from "../shared/index-messages.ts";
import { parseIndexRequest } from "../shared/index-messages.ts";
import { STOP } from "../shared/ring-layout.ts";
import { IndexContents, type IndexContentsParts } from "./index-contents.ts";
import { SnapshotDesk } from "./snapshot-desk.ts";
import type { StateKeeper } from "./state-keeper.ts";

const MS_PER_TURN = 2;
/** Rest after a piece, as a multiple of the time that it took. */
const REST_PER_PIECE = 2;
/** So long after its last slot the stream counts as live. */
const LIVE_MS = 100;
/** A lost wake-up would be a bug; this bounds what it could cost. Also how often idle snapshots are looked for. */
const MAX_REST_MS = 1000;

export interface IndexLoopParts extends IndexContentsParts {
  /** Null: nothing is kept over a restart. */
  readonly keeper: StateKeeper | null;
  /** Where main's requests arrive. */
  readonly requests: MessagePort;
  readonly report: (message: IndexMessage) => void;
}

interface PendingSave {
  readonly position: number;
  readonly state: SavedState;
}

export class IndexLoop {
  readonly #parts: IndexLoopParts;
  readonly #contents: IndexContents;
  readonly #desk: SnapshotDesk;
  #save: PendingSave | null = null;
  /** Main's request to end; undefined before it came. */
  #stop: Extract<IndexRequest, { readonly type: "stop" }> | undefined;
  #lastTurnMs: number = 0;
  #lastSlotMs: number = -Infinity;
  /** Before it no further piece is made. */
  #nextPieceMs: number = 0;

  constructor(parts: IndexLoopParts, stream: IndexStream | null) {
    this.#parts = parts;
    this.#contents = new IndexContents(parts);
    this.#desk = new SnapshotDesk(parts.ring, this.#contents, parts.counters);
    if (stream !== null) this.#contents.begin(stream);
    this.#contents.count();
  }

  /** Runs until main asks for the end, or the stop word says `now`. */
  async run(): Promise<void> {
    const { ring } = this.#parts;
    for (;;) {
      // In this order: what main asked for before it committed that slot has then been heard.
      const slot = ring.peek();
      this.#takeRequests();
      if (ring.memory.stop() === STOP.now) break;
      if (ring.memory.stop() !== STOP.run) this.#desk.refuseNew();
      this.#beginSave();
      if (slot !== -1) {
        this.#contents.add(slot);
        ring.release(slot);
        this.#lastSlotMs = performance.now();
        if (this.#lastSlotMs - this.#lastTurnMs >= MS_PER_TURN) await this.#turn();
      } else if (this.#stop !== undefined && ring.peek() === -1) {
        await this.#finish(this.#stop.state);
        break;
      } else if (this.#isPieceDue) await this.#turn();
      else await this.#rest();
    }
    this.#desk.close();
    this.#contents.count();
    await this.#parts.keeper?.close(this.#stop?.isUnused === true);
  }

  /** Whether a piece is asked for, now or after the rest. */
  get #hasPieces(): boolean {
    return this.#desk.hasWork || this.#parts.keeper?.hasWork === true;
  }

  get #isPieceDue(): boolean {
    return this.#hasPieces && performance.now() >= this.#nextPieceMs;
  }

  /** A turn of the event loop, which brings requests for snapshots; then a piece of what is asked. */
  async #turn(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#desk.expire();
    if (this.#isPieceDue) this.#makePiece();
    this.#contents.count();
    this.#lastTurnMs = performance.now();
  }

  #makePiece(): void {
    const { keeper, index } = this.#parts;
    const startMs = performance.now();
    this.#desk.step();
    if (keeper?.hasWork === true) this.#tell(keeper.step(index.blocks));
    const endMs = performance.now();
    const isLive = endMs - this.#lastSlotMs < LIVE_MS;
    this.#nextPieceMs = isLive ? endMs + REST_PER_PIECE * (endMs - startMs) : endMs;
  }

  async #rest(): Promise<void> {
    const { bell } = this.#parts.ring;
    this.#desk.expire();
    this.#contents.count();
    bell.prepare();
    if (this.#hasWork()) {
      bell.cancel();
      return;
    }
    const restMs = this.#hasPieces ? Math.ceil(this.#nextPieceMs - performance.now()) : MAX_REST_MS;
    await bell.sleepAsync(Math.max(1, restMs));
    this.#lastTurnMs = performance.now();
  }

  #hasWork(): boolean {
    const { ring } = this.#parts;
    // A request may have come without a ring of the bell that was heard: before it was set.
    this.#takeRequests();
    return (
      ring.peek() !== -1 ||
      this.#stop !== undefined ||
      ring.memory.stop() === STOP.now ||
      this.#isPieceDue ||
      this.#isSaveDue
    );
  }

  /** Main rings the bell after each, so none has to wait for a slot. */
  #takeRequests(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#parts.requests);
      if (received === undefined) return;
      this.#obey(parseIndexRequest(received.message));
    }
  }

  #obey(request: IndexRequest): void {
    switch (request.type) {
      case "begin":
        this.#contents.begin(request.stream);
        return;
      case "port":
        this.#desk.attach(request.port);
        return;
      case "unknown":
        this.#contents.setUnknownRanks(request.ranks);
        return;
      case "save":
        this.#save = { position: request.position, state: request.state };
        return;
      case "stop":
        this.#stop = request;
        return;
    }
  }

  /** Whether the position of a save has been reached. */
  get #isSaveDue(): boolean {
    return this.#save !== null && ((this.#parts.ring.indexTail() - this.#save.position) | 0) >= 0;
  }

  #beginSave(): void {
    const { keeper, ring, index } = this.#parts;
    const save = this.#save;
    if (save === null || !this.#isSaveDue) return;
    this.#save = null;
    if (keeper === null) return;
    if (save.position !== ring.indexTail()) {
      // It would hold events that its ids do not: after a restart these would count as lost.
      this.#tell({ type: "saved", clean: false, blocks: 0, reason: "the moment to be saved has passed" });
      return;
    }
    this.#contents.markUnknown();
    this.#tell(keeper.begin(index, save.state));
  }

  async #finish(state: SavedState | null): Promise<void> {
    const { keeper, index } = this.#parts;
    if (state === null || keeper === null) return;
    this.#contents.markUnknown();
    this.#tell(await keeper.finish(index, state));
  }

  #tell(message: IndexMessage | null): void {
    if (message !== null) this.#parts.report(message);
  }
}
