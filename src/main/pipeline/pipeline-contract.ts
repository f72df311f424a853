/** What a pipeline is told and what it tells: all that its owner has to know besides the class. MAIN THREAD; types only. */
import type { ThreadDiedError } from "../../shared/errors.ts";
import type { Epoch } from "../../shared/index-messages.ts";
import type { ReplayData, ZmqSinkData } from "../../shared/messages.ts";
import type { NatsReport, NatsSinkData } from "../../shared/nats-messages.ts";
import type { WireFormat } from "../../shared/wire-format.ts";
import type { CurveGate } from "../curve/curve-gate.ts";
import type { WorkerRestartReason } from "../metrics/pipeline-view.ts";
import type { SnapshotOptions } from "./index-thread.ts";

export interface PipelineOptions {
  readonly encoders: number;
  readonly ringSlots: number;
  readonly slotBytes: number;
  readonly wireFormat: WireFormat;
  readonly kvBlockSizeTokens: number;
  /** Payloads, and with them all that is kept of them for replay, hold neither token ids nor cache salts. Default: false. */
  readonly redactTokens?: boolean;
  readonly zmq: ZmqSinkData | null;
  /** The connection to NATS; null or absent: there is none. */
  readonly nats?: Omit<NatsSinkData, "epoch" | "numbers" | "run" | "slotBytes"> | null;
  readonly onNats?: (report: NatsReport) => void;
  /** Who may connect to both sockets, whose `curve` comes from there; null or absent: everyone. */
  readonly gate?: CurveGate | null;
  /** The replay socket and how much is kept for it; null or absent: nothing is kept. */
  readonly replay?: Omit<ReplayData, "window"> | null;
  /** Silence after which an empty batch goes out; null or absent for never. */
  readonly heartbeatMs?: number | null;
  /** Number of the first message; 0 if absent. */
  readonly firstSequence?: number;
  /** The index of live blocks, for snapshots; null or absent: there is none. */
  readonly snapshot?: SnapshotOptions | null;
  readonly onPublisherRestart?: (reason: WorkerRestartReason, message: string, nextSequence: number) => void;
  readonly onEncoderRestart: (
    encoder: string,
    reason: WorkerRestartReason,
    message: string,
    recoveredSlots: number,
  ) => void;
  /** An event that ended two encoders has been left out; `index` counts in its batch. */
  readonly onEventIsolated?: (encoder: string, rank: number, index: number) => void;
  /** So many more events could not be encoded, isolated ones among them. */
  readonly onEventsLeftOut?: (encoder: string, events: number) => void;
  readonly onGateOpen: (subscribers: number, timedOut: boolean) => void;
  readonly onSendFailed: (reason: string, sequence: number) => void;
  /** A thread is gone and cannot be replaced; the service must end. */
  readonly onFatal: (error: ThreadDiedError) => void;
  /**
   * False: no other thread of the process uses zeromq. The publisher's end then waits for exactly what is still to be sent,
   * within the deadline; otherwise for half a second, if anyone is subscribed. Default true.
   */
  readonly sharesZmq?: boolean;
  /** Entry files of the threads, for tests that let one die. */
  readonly encoderEntry?: URL;
  readonly publisherEntry?: URL;
  readonly indexEntry?: URL;
}

/** How the stream is called, and the number of its first message. */
export interface StreamStart {
  readonly epoch: Epoch;
  readonly firstSequence: number;
  /** The epoch had messages before that one, from an earlier process. */
  readonly isContinued?: boolean;
}

/** How a stop went. */
export interface StopReport {
  /** Events that were taken and could not be handed to the sinks. */
  readonly droppedEvents: number;
  readonly forced: boolean;
}
