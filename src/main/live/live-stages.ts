/**
 * The way of the events as a row of stages, each with its figures and whether it is well. MAIN THREAD; pure.
 */
import { ENCODE_DURATION_BUCKETS, PUBLISH_DURATION_BUCKETS } from "../../shared/counter-buckets.ts";
import { PUBLISHER_CELLS } from "../../shared/publisher-cells.ts";
import type { LiveStage, StageState } from "../../shared/live-snapshot.ts";
import { EVENT_AGE_BUCKETS, POLL_DURATION_BUCKETS } from "../metrics/engine-counters.ts";
import { RING_WAIT_BUCKETS, type SinkName } from "../metrics/pipeline-view.ts";
import type { SharedSnapshot } from "../metrics/shared-snapshot.ts";
import type { Growth } from "./growth.ts";
import type { LiveParts } from "./live-parts.ts";
import type { Buckets, EngineTotals, SinkTotals, Totals } from "./totals.ts";

/** A ring this full is about to stop the reading. */
const NEARLY_FULL = 0.8;

/** The worst of two lines: a state, and why. */
interface Finding {
  readonly state: StageState;
  readonly reason: string | null;
}

export function liveStages(parts: LiveParts, growth: Growth, shared: SharedSnapshot): readonly LiveStage[] {
  const sinks = parts.pipeline.sinks();
  return [
    engineStage(parts, growth),
    normaliseStage(growth),
    ringStage(parts, growth),
    encodeStage(parts, growth),
    ...sinks.map((name) => sinkStage(name, parts, growth, shared)),
    ...(sinks.includes("zmq") ? [subscriberStage(growth, shared)] : []),
  ];
}

function engineStage({ engines, data }: LiveParts, growth: Growth): LiveStage {
  const missing = overEngines((engine) => engine.missing);
  const lostLately = growth.lately(missing);
  const down = engines.filter(({ up }) => up !== 1).map(({ engine }) => engine);
  const usages = data.flatMap(({ load }) => load.table.fullestUsage ?? []);
  const rate = growth.rate(overEngines((engine) => engine.received));
  return {
    id: "engine",
    ...worst([
      down.length > 0 && bad(`${down.join(", ")} ${down.length === 1 ? "does" : "do"} not answer`),
      lostLately > 0 && bad(`${count(lostLately)} event ids are missing: lost before kvcast could read them`),
      growth.lately(overEngines((engine) => engine.errors)) > 0 && warn("reads failed within the last minute"),
      rate === 0 && IDLE,
    ]),
    rate,
    total: overEngines((engine) => engine.received)(growth.now),
    p99: growth.quantile(0.99, POLL_DURATION_BUCKETS, (totals) => joined(totals, ({ poll }) => poll)),
    fill: usages.length === 0 ? null : Math.max(...usages),
    lost: missing(growth.now),
    lostLately,
  };
}

function normaliseStage(growth: Growth): LiveStage {
  const invalid = overEngines((engine) => engine.invalid);
  const accepted = overEngines((engine) => engine.enqueued);
  const lostLately = growth.lately(invalid);
  const rate = growth.rate(accepted);
  return {
    id: "normalise",
    ...worst([
      lostLately > 0 && bad(`${count(lostLately)} events were malformed and left out: kvcast_invalid_events_total`),
      growth.lately(overEngines((engine) => engine.resets)) > 0 && warn("an engine rank began anew"),
      rate === 0 && IDLE,
    ]),
    rate,
    total: accepted(growth.now),
    p99: growth.quantile(0.99, EVENT_AGE_BUCKETS, (totals) => joined(totals, ({ age }) => age)),
    fill: null,
    lost: invalid(growth.now),
    lostLately,
  };
}

function ringStage({ pipeline }: LiveParts, growth: Growth): LiveStage {
  const lostLately = growth.lately(({ ringDropped }) => ringDropped);
  const fill = pipeline.occupiedSlots() / pipeline.ringCapacitySlots;
  const rate = growth.rate(({ enqueued }) => enqueued);
  return {
    id: "ring",
    ...worst([
      lostLately > 0 && bad(`${count(lostLately)} events did not get into the ring`),
      growth.rate(({ ringFullSeconds }) => ringFullSeconds) > 0 && warn("it is full: reading waits for the sinks"),
      fill > NEARLY_FULL && warn("it is nearly full"),
      rate === 0 && IDLE,
    ]),
    rate,
    total: growth.now.enqueued,
    p99: growth.quantile(0.99, RING_WAIT_BUCKETS, ({ ringWait }) => ringWait),
    fill,
    lost: growth.now.ringDropped,
    lostLately,
  };
}

function encodeStage({ pipeline }: LiveParts, growth: Growth): LiveStage {
  const lostLately = growth.lately(({ encodeDropped }) => encodeDropped);
  const dead = pipeline.workers().filter(({ name, up }) => !up && name.startsWith("encoder"));
  const rate = growth.rate(({ dequeued }) => dequeued);
  return {
    id: "encode",
    ...worst([
      lostLately > 0 && bad(`${count(lostLately)} events could not be encoded and are left out`),
      dead.length > 0 && bad(`${dead.map(({ name }) => name).join(", ")} not running`),
      rate === 0 && IDLE,
    ]),
    rate,
    total: growth.now.dequeued,
    p99: growth.quantile(0.99, ENCODE_DURATION_BUCKETS, ({ encode }) => encode),
    fill: null,
    lost: growth.now.encodeDropped,
    lostLately,
  };
}

function sinkStage(name: SinkName, { pipeline }: LiveParts, growth: Growth, shared: SharedSnapshot): LiveStage {
  const sent = ofSink(name, (sink) => sink.sent);
  const dropped = ofSink(name, (sink) => sink.dropped);
  const lostLately = growth.lately(dropped);
  const isUp = shared.publisher(name === "zmq" ? PUBLISHER_CELLS.zmqUp : PUBLISHER_CELLS.natsUp) === 1;
  const rate = growth.rate(sent);
  return {
    id: name,
    ...worst([
      !isUp && bad(name === "nats" ? "there is no connection to NATS; what is published waits" : "the socket is down"),
      lostLately > 0 && bad(`${count(lostLately)} events were dropped`),
      growth.lately(ofSink(name, (sink) => sink.errors)) > 0 && warn("operations failed within the last minute"),
      rate === 0 && IDLE,
    ]),
    rate,
    total: sent(growth.now),
    p99: growth.quantile(0.99, PUBLISH_DURATION_BUCKETS, (totals) => sinkOf(totals, name)?.publish),
    fill:
      name === "nats" && pipeline.natsMaxInFlight > 0
        ? shared.publisher(PUBLISHER_CELLS.natsInflightBatches) / pipeline.natsMaxInFlight
        : null,
    lost: dropped(growth.now),
    lostLately,
  };
}

function subscriberStage(growth: Growth, shared: SharedSnapshot): LiveStage {
  const lostLately = growth.lately(({ queueFull }) => queueFull);
  const subscriptions = shared.publisher(PUBLISHER_CELLS.zmqSubscribers);
  return {
    id: "subscribers",
    ...worst([
      lostLately > 0 && bad("the queue of a slow subscriber was full: it missed messages, and may ask for them again"),
      subscriptions === 0 && ({ state: "idle", reason: "nobody subscribes" } as const),
    ]),
    rate: growth.rate(ofSink("zmq", (sink) => sink.sent)),
    total: subscriptions,
    p99: growth.quantile(0.99, PUBLISH_DURATION_BUCKETS, ({ latency }) => latency),
    fill: null,
    lost: growth.now.queueFull,
    lostLately,
  };
}

const IDLE: Finding = { state: "idle", reason: null };
const OK: Finding = { state: "ok", reason: null };

function bad(reason: string): Finding {
  return { state: "bad", reason };
}
function warn(reason: string): Finding {
  return { state: "warn", reason };
}

/** The findings stand with the gravest first. */
function worst(findings: readonly (Finding | false)[]): Finding {
  return findings.find((finding) => finding !== false) ?? OK;
}

function count(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

export function overEngines(of: (engine: EngineTotals) => number): (totals: Totals) => number {
  return ({ engines }) => engines.reduce((sum, engine) => sum + of(engine), 0);
}

/** One histogram of those of all engines, which have the same buckets. */
export function joined({ engines }: Totals, of: (engine: EngineTotals) => Buckets): Buckets | undefined {
  const [first, ...rest] = engines.map(of);
  return rest.reduce<Buckets | undefined>((sum, one) => sum?.map((value, i) => value + (one[i] ?? 0)), first);
}

export function sinkOf({ sinks }: Totals, name: SinkName): SinkTotals | undefined {
  return sinks.find((sink) => sink.name === name);
}

export function ofSink(name: SinkName, of: (sink: SinkTotals) => number): (totals: Totals) => number {
  return (totals) => {
    const sink = sinkOf(totals, name);
    return sink === undefined ? 0 : of(sink);
  };
}
