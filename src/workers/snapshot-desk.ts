/**
 * Hands out snapshots, piece by piece, to whoever asks over a message port (`SnapshotRequest`). INDEX THREAD.
 *
 * A snapshot shows the index at one moment: after everything that was published when the request came, even in part, so that a
 * subscriber which subscribed before it asked has all messages behind it. The desk only notes what is asked; the loop lets
 * it do one step at a time, so that no slot waits for longer than that takes.
 */
import type { MessagePort } from "node:worker_threads";
import type { CounterBlock } from "../shared/counter-block.ts";
import { SNAPSHOT_OUTCOMES } from "../shared/counter-labels.ts";
import { INDEX_CELLS } from "../shared/index-cells.ts";
import { MAX_OPEN_SNAPSHOTS, SNAPSHOT_PIECE_BYTES } from "../shared/index-limits.ts";
import type { SnapshotReply, SnapshotRequest } from "../shared/messages.ts";
import { parseSnapshotRequest } from "../shared/messages.ts";
import type { RingIndexer } from "../shared/ring-indexer.ts";
import { type SnapshotRefusal, SnapshotRefusedError } from "./index-errors.ts";
import type { SnapshotScan } from "./snapshot-scan.ts";

/** One that nobody pulls any more is closed: while it is open, the index keeps what it shows. */
const MAX_IDLE_MS = 30_000;
const STEP_MS = 1;

type Outcome = (typeof SNAPSHOT_OUTCOMES)[number];

/** What the desk needs of the index. */
export interface SnapshotSource {
  /** Fixes the state of now. The header goes out first. Throws SnapshotRefusedError. */
  beginSnapshot(): { readonly header: Uint8Array; readonly scan: SnapshotScan };
}

interface Snapshot {
  readonly port: MessagePort;
  readonly id: number;
  /** Index tail from which on it may begin. */
  readonly position: number;
  readonly startedMs: number;
  /** Null until it has begun. */
  scan: SnapshotScan | null;
  /** Pulls that have not been answered. */
  pulls: number;
  lastHeardMs: number;
}

export class SnapshotDesk {
  readonly #ring: RingIndexer;
  readonly #source: SnapshotSource;
  readonly #counters: CounterBlock;
  readonly #ports: Set<MessagePort> = new Set();
  /** Whoever was served last stands last. */
  #open: Snapshot[] = [];
  #stopping: boolean = false;

  constructor(ring: RingIndexer, source: SnapshotSource, counters: CounterBlock) {
    this.#ring = ring;
    this.#source = source;
    this.#counters = counters;
  }

  /** Serves this port until it closes. */
  attach(port: MessagePort): void {
    this.#ports.add(port);
    port.on("message", (message: unknown) => {
      this.#hear(port, parseSnapshotRequest(message));
      // The loop may be asleep, waiting for a slot.
      this.#ring.bell.ring();
    });
    port.on("close", () => {
      this.#ports.delete(port);
      for (const snapshot of this.#open.filter((one) => one.port === port)) this.#close(snapshot, "left");
    });
  }

  /** Whether a step would do anything. */
  get hasWork(): boolean {
    return this.#open.some((snapshot) => this.#isDue(snapshot));
  }

  /** Does what is asked for, for about a millisecond: one usual piece, or many small ones. */
  step(): void {
    const untilMs = performance.now() + STEP_MS;
    do {
      if (!this.#stepOnce()) return;
    } while (performance.now() < untilMs);
  }

  /** Begins one snapshot, or hands out one piece of one. False: nothing to do. */
  #stepOnce(): boolean {
    const at = this.#open.findIndex((snapshot) => this.#isDue(snapshot));
    const snapshot = this.#open[at];
    if (snapshot === undefined) return false;
    this.#open.push(...this.#open.splice(at, 1));
    try {
      if (snapshot.scan === null) this.#begin(snapshot);
      else this.#handOut(snapshot, snapshot.scan);
    } catch (error) {
      if (!(error instanceof SnapshotRefusedError)) throw error;
      this.#refuse(snapshot, error.reason);
      this.#close(snapshot, error.reason);
    }
    return true;
  }

  /** Closes those that nobody pulls any more. */
  expire(): void {
    const nowMs = performance.now();
    for (const snapshot of this.#open) {
      if (snapshot.pulls > 0 || nowMs - snapshot.lastHeardMs < MAX_IDLE_MS) continue;
      this.#refuse(snapshot, "overflow");
      this.#close(snapshot, "left");
    }
  }

  /** Begins no more; those that are open go on. */
  refuseNew(): void {
    this.#stopping = true;
  }

  /** Ends all, and lets go of the ports. */
  close(): void {
    this.#stopping = true;
    for (const snapshot of this.#open) {
      this.#refuse(snapshot, "stopping");
      this.#close(snapshot, "stopping");
    }
    for (const port of this.#ports) port.close();
  }

  #hear(port: MessagePort, request: SnapshotRequest): void {
    const { id } = request;
    if (request.type === "open") {
      const reason = this.#stopping ? "stopping" : this.#open.length >= MAX_OPEN_SNAPSHOTS ? "busy" : null;
      if (reason !== null) {
        this.#reply(port, { type: "refused", id, reason });
        this.#count(reason);
        return;
      }
      const nowMs = performance.now();
      this.#open.push({
        port,
        id,
        position: this.#ring.memory.begun(),
        startedMs: nowMs,
        scan: null,
        pulls: 0,
        lastHeardMs: nowMs,
      });
      this.#counters.set(INDEX_CELLS.openSnapshots, this.#open.length);
      return;
    }
    // What is not open any more was answered by a refusal or an end, which is on its way.
    const snapshot = this.#open.find((one) => one.port === port && one.id === id);
    if (snapshot === undefined) return;
    snapshot.lastHeardMs = performance.now();
    if (request.type === "pull") snapshot.pulls++;
    else this.#close(snapshot, "left");
  }

  #isDue(snapshot: Snapshot): boolean {
    if (snapshot.scan !== null) return snapshot.pulls > 0;
    return ((this.#ring.indexTail() - snapshot.position) | 0) >= 0;
  }

  #begin(snapshot: Snapshot): void {
    const { header, scan } = this.#source.beginSnapshot();
    snapshot.scan = scan;
    snapshot.lastHeardMs = performance.now();
    this.#reply(snapshot.port, { type: "header", id: snapshot.id, payload: header });
  }

  #handOut(snapshot: Snapshot, scan: SnapshotScan): void {
    const { port, id } = snapshot;
    const chunk = scan.next(SNAPSHOT_PIECE_BYTES);
    // It did its share of work and has nothing to show yet.
    if (chunk?.length === 0) return;
    if (chunk === null) {
      this.#reply(port, { type: "end", id });
      this.#counters.observe(INDEX_CELLS.snapshotDuration, (performance.now() - snapshot.startedMs) / 1000);
      this.#close(snapshot, "complete");
      return;
    }
    snapshot.pulls--;
    snapshot.lastHeardMs = performance.now();
    this.#reply(port, { type: "chunk", id, payload: chunk });
  }

  #refuse(snapshot: Snapshot, reason: SnapshotRefusal | "stopping"): void {
    this.#reply(snapshot.port, { type: "refused", id: snapshot.id, reason });
  }

  #close(snapshot: Snapshot, outcome: Outcome): void {
    snapshot.scan?.close();
    this.#open = this.#open.filter((one) => one !== snapshot);
    this.#counters.set(INDEX_CELLS.openSnapshots, this.#open.length);
    this.#count(outcome);
  }

  #count(outcome: Outcome): void {
    this.#counters.add(INDEX_CELLS.snapshots + SNAPSHOT_OUTCOMES.indexOf(outcome), 1);
  }

  #reply(port: MessagePort, reply: SnapshotReply): void {
    port.postMessage(reply);
  }
}
