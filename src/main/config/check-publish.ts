/** What only shows when the options of publishing are seen together. MAIN THREAD, at start. */
import { natsSlotReserveBytes } from "../../shared/nats-limits.ts";
import type { PublishConfig } from "./config.ts";
import { type OptionSpec, refused } from "./option-spec.ts";
import type { Resolver } from "./resolve.ts";
import { sizeText } from "./value-types.ts";
import { isLocalEndpoint, isLoopbackHost } from "./zmq-endpoint.ts";

/** More than this is a typing mistake, and would fail later with a worse message. */
const MAX_RING_BYTES = 1024 ** 3;

type Option = OptionSpec<unknown>;

export interface PublishOptions {
  readonly zmqEndpoint: Option;
  readonly zmqQueueBytes: Option;
  readonly waitSubscribers: Option;
  readonly replayEndpoint: Option;
  readonly replayBytes: Option;
  readonly natsQueueBytes: Option;
  readonly ringSlots: Option;
  readonly stateDir: Option;
  readonly systemHost: Option;
}

/** Throws ConfigError; `options` names the options that the values came from. */
export function checkPublish(
  config: PublishConfig,
  options: PublishOptions,
  resolver: Resolver,
  warnings: string[],
): void {
  const { zmqEndpoint, zmqQueueBytes, slotBytes, ringSlots } = config;
  if (ringSlots * slotBytes > MAX_RING_BYTES) {
    throw refused(
      resolver.placeOf(options.ringSlots),
      `${ringSlots} slots of ${sizeText(slotBytes)} (--slot-bytes) are more than ${sizeText(MAX_RING_BYTES)} together`,
    );
  }
  const natsBytes = natsSlotReserveBytes(slotBytes);
  if (config.nats?.events === true && config.nats.queueBytes < natsBytes) {
    throw refused(
      resolver.placeOf(options.natsQueueBytes),
      `${sizeText(config.nats.queueBytes)} cannot hold the messages of one slot of ${sizeText(slotBytes)} (--slot-bytes); ` +
        `give at least ${sizeText(natsBytes)}`,
    );
  }
  if (config.nats?.events === true && config.waitSubscribers > 0) {
    warnings.push(
      `${resolver.placeOf(options.waitSubscribers).label} holds back NATS too: no event goes anywhere before they are there`,
    );
  }
  for (const [option, bytes] of [
    [options.zmqQueueBytes, zmqQueueBytes],
    [options.replayBytes, config.replayBytes],
  ] as const) {
    if (bytes >= slotBytes) continue;
    throw refused(
      resolver.placeOf(option),
      `${sizeText(bytes)} cannot hold one message of ${sizeText(slotBytes)} (--slot-bytes); give at least that`,
    );
  }
  if (config.stateDir !== null && !config.snapshot) {
    throw refused(resolver.placeOf(options.stateDir), "the index that it keeps is off; add --snapshot");
  }
  if (zmqEndpoint === null && config.replayEndpoint !== null) {
    throw refused(
      resolver.placeOf(options.replayEndpoint),
      `nothing is published over ZMQ (--sink, --${options.zmqEndpoint.name}) that could be sent again`,
    );
  }
  if (zmqEndpoint === null) {
    if (config.waitSubscribers > 0) {
      throw refused(
        resolver.placeOf(options.waitSubscribers),
        `nothing is published over ZMQ (--sink, --${options.zmqEndpoint.name}) that could be subscribed to`,
      );
    }
    if (config.nats?.events !== true) {
      warnings.push(
        `--${options.zmqEndpoint.name} is none and there is no other sink: events are read and counted, and go nowhere`,
      );
    }
  }
  for (const [option, endpoint] of [
    [options.replayEndpoint, config.replayEndpoint],
    [options.zmqEndpoint, zmqEndpoint],
  ] as const) {
    const { zmqCurve } = config;
    if (endpoint?.startsWith("ipc://@") === true && zmqCurve === null) {
      warnings.push(
        `${resolver.placeOf(option).label}: ${endpoint} is a name and no file: every user of this machine can connect to it`,
      );
    }
    if (endpoint === null || isLocalEndpoint(endpoint)) continue;
    if (zmqCurve !== null && zmqCurve.clients !== "any") continue;
    const knows = zmqCurve === null ? "" : " and knows this service's public key, which is no secret,";
    const read = config.redactTokens ? "hashes of people's prompts" : "token ids, which are people's prompts";
    warnings.push(
      `${resolver.placeOf(option).label}: ${endpoint} can be reached from other machines; ` +
        `whoever connects there${knows} reads ${read}`,
    );
  }
  if (config.snapshot && config.insecure && config.systemPort !== null && !isLoopbackHost(config.systemHost)) {
    const hashes = config.redactTokens ? "block hashes" : "block hashes and cache salts";
    const what = config.snapshotTokens ? "token ids, which are people's prompts" : hashes;
    warnings.push(
      `${resolver.placeOf(options.systemHost).label}: ${config.systemHost} can be reached from other machines; ` +
        `whoever asks there for /v1/kv/snapshot reads ${what}; let only trusted ones reach the port, or leave out --snapshot`,
    );
  }
}
