/**
 * Which sinks go without token ids and cache salts: `--redact-tokens`. MAIN THREAD, at start.
 *
 * A setting that would not keep its promise is refused instead of being taken for less: whoever gives it relies on it.
 */
import type { NatsConfig } from "./load-nats.ts";
import { type OptionSpec, refused } from "./option-spec.ts";
import type { Resolver } from "./resolve.ts";
import { STREAM_OPTIONS } from "./stream-options.ts";

/** The sinks as the other options make them. */
interface RedactedSinks {
  readonly zmqEndpoint: string | null;
  readonly nats: NatsConfig | null;
}

/**
 * Whether payloads hold neither token ids nor cache salts: those of ZMQ and its replays, snapshots, and what NATS carries raw.
 * Dynamo's encoding for NATS never holds any. Throws ConfigError for a sink that is off, and for one of two that have the same
 * payload.
 */
export function loadRedaction(resolver: Resolver, { zmqEndpoint, nats }: RedactedSinks): boolean {
  const option = STREAM_OPTIONS.redactTokens;
  const choice = resolver.pick(option);
  if (choice === "none") return false;
  if (choice === "all") return true;
  const fail = (reason: string): Error => refused(resolver.placeOf(option), reason);
  const hasZmq = zmqEndpoint !== null;
  const hasNats = nats?.events === true;
  if (choice === "zmq" && !hasZmq) throw fail("zmq: nothing is published over ZMQ; give nats or all");
  if (choice === "nats" && !hasNats) throw fail("nats: no events go to NATS (--sink); give zmq or all");
  if (hasZmq && hasNats && nats.encoding === "raw") {
    throw fail(
      `${choice}: with --nats-encoding raw both sinks carry the same payload; give all, or --nats-encoding dynamo, ` +
        "which has hashes only",
    );
  }
  return choice === "zmq" || !hasZmq;
}

/** Whether an index keeps token ids: not where none may leave, whatever its own option says. Warns if that was given. */
export function loadSnapshotTokens(
  resolver: Resolver,
  option: OptionSpec<boolean> & { readonly default: string },
  redactTokens: boolean,
  warnings: string[],
): boolean {
  const wanted = resolver.pick(option);
  if (wanted && redactTokens && resolver.origins.get(option.name) !== "default") {
    warnings.push(
      `${resolver.placeOf(option).label}: on has no effect beside --redact-tokens: snapshots hold no token ids`,
    );
  }
  return wanted && !redactTokens;
}
