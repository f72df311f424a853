/**
 * A pipeline that does nothing: the numbers of a metrics page, to be set by a test.
 */
import { CounterBlock } from "../../src/shared/counter-block.ts";
import { ENCODER_CELLS } from "../../src/shared/encoder-cells.ts";
import { INDEX_CELLS } from "../../src/shared/index-cells.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import type { Epoch } from "../../src/shared/index-messages.ts";
import { Histogram } from "../../src/main/metrics/histogram.ts";
import {
  type GateView,
  type PipelineView,
  RING_WAIT_BUCKETS,
  type RingDropReason,
  type NatsUse,
  type SinkName,
  type WorkerStatus,
} from "../../src/main/metrics/pipeline-view.ts";

export const EPOCH: Epoch = { uuid: "00000000-0000-4000-8000-000000000001", startedSeconds: 1.7e9 };

export class FakePipeline implements PipelineView {
  readonly ringCapacitySlots: number = 16;
  readonly ringDropped: Record<RingDropReason, number> = { full: 0, oversize: 0, shutdown: 0 };
  readonly ringWait: Histogram = new Histogram(RING_WAIT_BUCKETS);
  readonly publisher: CounterBlock = CounterBlock.allocate(PUBLISHER_CELLS.size);
  readonly encoders: CounterBlock[] = [
    CounterBlock.allocate(ENCODER_CELLS.size),
    CounterBlock.allocate(ENCODER_CELLS.size),
  ];
  readonly index: CounterBlock = CounterBlock.allocate(INDEX_CELLS.size);
  readonly codec: string = "vllm";
  occupied: number = 0;
  occupiedMax: number = 0;
  enqueued: number = 0;
  fullSeconds: number = 0;
  endpoint: string | null = "tcp://127.0.0.1:20081";
  natsUse: NatsUse = "none";
  readonly natsMaxInFlight: number = 256;
  replay: string | null = "tcp://127.0.0.1:20082";
  status: WorkerStatus[] = [
    { name: "publisher", up: true, restarts: { error: 0, oom: 0, exit: 0, heartbeat: 0 } },
    { name: "encoder0", up: true, restarts: { error: 0, oom: 0, exit: 0, heartbeat: 0 } },
  ];

  constructor() {
    this.publisher.set(PUBLISHER_CELLS.publishedSequence, -1);
  }

  sinks(): readonly SinkName[] {
    const isNats = this.natsUse === "events";
    return [...(this.endpoint === null ? [] : (["zmq"] as const)), ...(isNats ? (["nats"] as const) : [])];
  }
  occupiedSlots(): number {
    return this.occupied;
  }
  occupiedSlotsMax60s(): number {
    return this.occupiedMax;
  }
  enqueuedEvents(): number {
    return this.enqueued;
  }
  ringFullSeconds(): number {
    return this.fullSeconds;
  }
  workers(): readonly WorkerStatus[] {
    return this.status;
  }
  gate: GateView | null = null;

  replayEndpoint(): string | null {
    return this.replay;
  }
  zmqEndpoint(): string | null {
    return this.endpoint;
  }
}
