/**
 * What `serve` and `consolidate` read alike of their options: how the stream goes out, what is kept for replay, and the sizes of the
 * pipeline. MAIN THREAD, once, at start.
 */
import type { PublishConfig } from "./config.ts";
import { SERVE_OPTIONS as OPTIONS } from "./options.ts";
import type { Resolver } from "./resolve.ts";

type StreamConfig = Pick<
  PublishConfig,
  | "zmqTopic"
  | "zmqQueueBytes"
  | "waitSubscribers"
  | "waitSubscribersTimeoutMs"
  | "replayEndpoint"
  | "replayFraming"
  | "replayBytes"
  | "replayBatches"
  | "replayEvicted"
  | "sequenceStart"
  | "heartbeatMs"
  | "encoders"
  | "ringSlots"
  | "slotBytes"
>;

/** Throws ConfigError. */
export function loadStream(resolver: Resolver): StreamConfig {
  return {
    zmqTopic: resolver.pick(OPTIONS.zmqTopic),
    zmqQueueBytes: resolver.pick(OPTIONS.zmqQueueBytes),
    waitSubscribers: resolver.pick(OPTIONS.waitSubscribers),
    waitSubscribersTimeoutMs: resolver.pick(OPTIONS.waitSubscribersTimeout),
    replayEndpoint: resolver.pick(OPTIONS.replayEndpoint),
    replayFraming: resolver.pick(OPTIONS.replayFraming),
    replayBytes: resolver.pick(OPTIONS.replayBytes),
    replayBatches: resolver.pick(OPTIONS.replayBatches),
    replayEvicted: resolver.pick(OPTIONS.replayEvicted),
    sequenceStart: resolver.pick(OPTIONS.sequenceStart),
    heartbeatMs: resolver.pick(OPTIONS.heartbeat),
    encoders: resolver.pick(OPTIONS.encoders),
    ringSlots: resolver.pick(OPTIONS.ringSlots),
    slotBytes: resolver.pick(OPTIONS.slotBytes),
  };
}
