/** Options and events of small pipelines. Not a user of zeromq: some tests must leave that to the publisher thread alone. */
import type { PublishedEvent } from "../../src/main/normalise/published-event.ts";
import type { PipelineOptions } from "../../src/main/pipeline/pipeline-contract.ts";
import { type EventSpec, publishedEvent } from "./published.ts";

/** Of a small pipeline whose publisher waits for one subscriber. */
export function pipelineOptions(options: Partial<PipelineOptions> = {}): PipelineOptions {
  return {
    encoders: 1,
    ringSlots: 8,
    slotBytes: 16 * 1024,
    wireFormat: "vllm",
    kvBlockSizeTokens: 4,
    zmq: {
      endpoint: "tcp://127.0.0.1:*",
      topic: "kv",
      queueBytes: 1 << 30,
      waitSubscribers: 1,
      waitSubscribersTimeoutMs: 60_000,
    },
    onEncoderRestart: () => {},
    onGateOpen: () => {},
    onSendFailed: () => {},
    onFatal: () => {},
    ...options,
  };
}

/** One stored block whose hash is the number. */
export function numbered(number: number, rank: number = 0): PublishedEvent {
  const spec: EventSpec = {
    type: "stored",
    hashes: [BigInt(number)],
    tokens: [number, number, number, number],
    parent: null,
    loraName: null,
    loraId: 0,
    salt: null,
    mm: undefined,
  };
  return publishedEvent(spec, rank);
}

/** One stored event of so many blocks of four tokens, whose first hash is the number. */
export function large(number: number, blocks: number): PublishedEvent {
  return publishedEvent({
    type: "stored",
    hashes: Array.from({ length: blocks }, (_, i) => BigInt(number + i)),
    tokens: Array.from({ length: blocks * 4 }, (_, i) => i),
    parent: null,
    loraName: null,
    loraId: 0,
    salt: null,
    mm: undefined,
  });
}
