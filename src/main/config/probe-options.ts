/**
 * Options about how health is asked for over HTTP, which `serve` and `consolidate` share. MAIN THREAD, at start only.
 */
import { routePath } from "./health-types.ts";
import type { Defaulted } from "./option-spec.ts";
import { oneOf } from "./value-types.ts";

const HTTP_GROUP = "HTTP";

export const PROBE_OPTIONS: {
  readonly healthPath: Defaulted<string>;
  readonly livePath: Defaulted<string>;
  readonly readyPath: Defaulted<string>;
  readonly liveMode: Defaulted<"shallow" | "reference">;
  readonly startingHealthStatus: Defaulted<"ready" | "notready">;
} = {
  healthPath: {
    name: "health-path",
    type: routePath,
    env: [{ name: "DYN_SYSTEM_HEALTH_PATH" }],
    default: "/health",
    group: HTTP_GROUP,
    help: "Where /health is instead.",
  },
  livePath: {
    name: "live-path",
    type: routePath,
    env: [{ name: "DYN_SYSTEM_LIVE_PATH" }],
    default: "/live",
    group: HTTP_GROUP,
    help: "Where /live is instead.",
  },
  readyPath: {
    name: "ready-path",
    type: routePath,
    env: [{ name: "KVCAST_READY_PATH" }],
    default: "/ready",
    group: HTTP_GROUP,
    help: "Where /ready is instead.",
  },
  liveMode: {
    name: "live-mode",
    type: oneOf(["shallow", "reference"] as const),
    env: [{ name: "KVCAST_LIVE_MODE" }],
    default: "shallow", // a sidecar is not to be restarted because its engine is slow
    group: HTTP_GROUP,
    help: "shallow: /live says whether kvcast itself runs; reference: it says what /health says, as Dynamo's does.",
  },
  startingHealthStatus: {
    name: "starting-health-status",
    type: oneOf(["ready", "notready"] as const),
    env: [
      { name: "DYN_SYSTEM_STARTING_HEALTH_STATUS", translate: (text: string): string => text.trim().toLowerCase() },
    ],
    default: "notready",
    group: HTTP_GROUP,
    help: "What /health says while nothing is wrong but something is not known yet.",
  },
};
