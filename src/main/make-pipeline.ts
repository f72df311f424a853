/**
 * The pipeline of a service: its options from the configuration, and what the log hears of it. MAIN THREAD, at start.
 */
import type { NatsReport } from "../shared/nats-messages.ts";
import type { PublishConfig } from "./config/config.ts";
import { openConnection } from "./config/load-nats.ts";
import { CurveGate } from "./curve/curve-gate.ts";
import type { Logger } from "./log.ts";
import type { SnapshotOptions } from "./pipeline/index-thread.ts";
import { Pipeline } from "./pipeline/pipeline.ts";

/** A pipeline as the configuration wants it; what happens in it is logged. `onFatal`: a thread is gone and cannot be replaced. */
export function makePipeline(config: PublishConfig, log: Logger, onFatal: (error: Error) => void): Pipeline {
  const isGuarded = config.zmqCurve !== null && config.zmqEndpoint !== null;
  const gate = isGuarded ? new CurveGate(config.zmqCurve, log) : null;
  return new Pipeline({
    encoders: config.encoders,
    ringSlots: config.ringSlots,
    slotBytes: config.slotBytes,
    wireFormat: config.wireFormat,
    kvBlockSizeTokens: config.kvBlockSizeTokens,
    redactTokens: config.redactTokens,
    zmq:
      config.zmqEndpoint === null
        ? null
        : {
            endpoint: config.zmqEndpoint,
            topic: config.zmqTopic,
            queueBytes: config.zmqQueueBytes,
            waitSubscribers: config.waitSubscribers,
            waitSubscribersTimeoutMs: config.waitSubscribersTimeoutMs,
            curve: gate?.server("live") ?? null,
          },
    gate,
    replay:
      config.replayEndpoint === null
        ? null
        : {
            endpoint: config.replayEndpoint,
            framing: config.replayFraming,
            evicted: config.replayEvicted,
            maxBytes: config.replayBytes,
            maxBatches: config.replayBatches,
            curve: gate?.server("replay") ?? null,
          },
    nats:
      config.nats === null
        ? null
        : {
            connection: openConnection(config.nats.connection),
            encoding: config.nats.encoding,
            place: config.nats.place,
            jetStream: config.nats.jetStream,
            queueBytes: config.nats.queueBytes,
            maxInFlight: config.nats.maxInFlight,
            events: config.nats.events,
          },
    onNats: (report) => tellOfNats(log, report),
    heartbeatMs: config.heartbeatMs,
    snapshot: config.snapshot ? snapshotOptions(config, log) : null,
    onPublisherRestart: (reason, message, nextSequence) =>
      log.error("the publisher thread died and is started again", { reason, message, next_sequence: nextSequence }),
    onEncoderRestart: (encoder, reason, message, recovered) =>
      log.error("an encoder thread died and is started again", {
        encoder,
        reason,
        message,
        recovered_slots: recovered,
      }),
    onEventsLeftOut: (encoder, events) =>
      log.limited("events left out").error("events could not be encoded and are left out", { encoder, events }),
    onEventIsolated: (encoder, rank, index) =>
      log.limited("event isolated").error("an event ended two encoder threads and is left out", {
        encoder,
        rank,
        index,
      }),
    onGateOpen: (subscribers, timedOut) =>
      timedOut
        ? log.warn("publishing without the subscribers that were waited for", {
            subscribers,
            wanted: config.waitSubscribers,
          })
        : log.info("the subscribers that were waited for are there", { subscribers }),
    onSendFailed: (reason, sequence) =>
      log.limited("send failed").error("the ZMQ socket refused a message", { reason, sequence }),
    onFatal,
    sharesZmq: gate !== null || usesZmqOnMain(config),
  });
}

/** Whether this thread opens ZMQ sockets of its own: to read from, as the consolidator does, or to hear commands of a cluster. */
export function usesZmqOnMain({ engines, cluster = null }: Pick<PublishConfig, "engines" | "cluster">): boolean {
  return cluster !== null || (engines?.some(({ kind }) => kind === "zmq") ?? true);
}

function tellOfNats(log: Logger, report: NatsReport): void {
  const limited = log.limited(report.type);
  switch (report.type) {
    case "nats-up":
      limited.info("connected to NATS", { server: report.server });
      return;
    case "nats-down":
      limited.warn("there is no connection to NATS; what is published waits, and is tried again", {
        reason: report.reason,
      });
      return;
    case "nats-refused":
      limited.error("NATS refuses what is published", { reason: report.reason, detail: report.detail });
      return;
  }
}

function snapshotOptions(config: PublishConfig, log: Logger): SnapshotOptions {
  return {
    maxBlocks: config.snapshotMaxBlocks,
    keepTokens: config.snapshotTokens,
    keepSalts: !config.redactTokens,
    attentionDpSize: config.attentionDpSize,
    stateDir: config.stateDir,
    engines: config.engines?.length ?? 0,
    engine: ownerOf(config),
    onDeath: (reason, message, givenUp) =>
      log.error(
        givenUp
          ? "the index thread dies again and again: there are no snapshots any more"
          : "the index thread died and begins anew with an empty index",
        { reason, message },
      ),
    onSaved: (clean, blocks, reason) =>
      reason === null
        ? log.debug("the index is saved", { blocks, orderly_end: clean })
        : log.limited("index save").warn("the index could not be saved", { reason }),
  };
}

/**
 * Whose events a saved index holds. What is saved goes by the rank that was published, so of several engines their order and
 * the number of their ranks belong to it.
 */
function ownerOf({ engines = [], attentionDpSize }: PublishConfig): string {
  // White space occurs neither in a name nor in a URL, so no two lists look the same.
  const names = engines.map((engine) => {
    if (engine.kind === "http") return `${engine.name} ${engine.url.href}`;
    return engine.kind === "zmq"
      ? `${engine.name} ${engine.sockets.map(({ endpoint }) => endpoint).join(" ")}`
      : engine.name;
  });
  return engines.length === 1 ? names.join("") : `${attentionDpSize} ranks each: ${names.join(", ")}`;
}
