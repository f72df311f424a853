/** What a load test is to do, as the command line was understood. MAIN THREAD; types only. */
import type { TrafficConfig } from "../config/config.ts";

/** The traffic that a test makes, where it makes it: without end. */
export type FloodTraffic = Required<Omit<TrafficConfig, "events">>;

/** A service of our own, with the built-in engine or with a stand-in engine behind HTTP. */
export interface OwnPipeline {
  readonly source: "builtin" | "sim";
  readonly traffic: FloodTraffic;
  /** Further arguments of `kvcast serve`. */
  readonly serveArgs: readonly string[];
}

/** A service that runs, with the load that it has. */
export interface RunningPipeline {
  readonly source: "running";
  readonly zmqEndpoint: string;
  /** Of its metrics page; null when that is not to be read. */
  readonly metricsUrl: string | null;
}

export interface Times {
  readonly warmUpMs: number;
  readonly durationMs: number;
}

export interface RampLimits {
  /** Below this share of the offered rate a service does not keep up. */
  readonly minDeliveredShare: number;
  /** Nor if one event in a hundred is older than this on arrival. */
  readonly maxAgeMicros: number;
}

export type FloodProfile = "steady" | "ramp" | "burst";
