/** Makes what is configured about health from its options. MAIN THREAD, at start. Reads the files that they name. */
import { bosTokenIdOfModel } from "../health/bos-token.ts";
import { DEFAULT_BOS_TOKEN_ID } from "../health/payload.ts";
import { PAYLOAD_VARIABLE, type PayloadFields, readPayload } from "../health/payload-text.ts";
import type { CanaryConfig, EngineHealthConfig, ProbeConfig } from "./health-config.ts";
import { HEALTH_OPTIONS as OPTIONS, MONITOR_VARIABLES } from "./health-options.ts";
import { PROBE_OPTIONS } from "./probe-options.ts";
import { lenientSeconds } from "./health-types.ts";
import { type Environment, quoted, refused } from "./option-spec.ts";
import type { Resolver } from "./resolve.ts";

/** Paths that other routes have. */
const TAKEN_PATHS: readonly string[] = ["/metrics", "/v1/kv/snapshot", "/v1/perf/requests"];

/** Throws ConfigError for two routes on one path. */
export function loadProbes(resolver: Resolver, endpoints: readonly string[] = []): ProbeConfig {
  const paths = new Set(TAKEN_PATHS);
  for (const option of [PROBE_OPTIONS.healthPath, PROBE_OPTIONS.livePath, PROBE_OPTIONS.readyPath]) {
    const path = resolver.pick(option);
    if (paths.has(path)) {
      throw refused(resolver.placeOf(option), `${quoted(path)} is the path of something else; choose another`);
    }
    paths.add(path);
  }
  return Object.freeze({
    healthPath: resolver.pick(PROBE_OPTIONS.healthPath),
    livePath: resolver.pick(PROBE_OPTIONS.livePath),
    readyPath: resolver.pick(PROBE_OPTIONS.readyPath),
    isLiveHealth: resolver.pick(PROBE_OPTIONS.liveMode) === "reference",
    isReadyAtStart: resolver.pick(PROBE_OPTIONS.startingHealthStatus) === "ready",
    endpoints: Object.freeze([...endpoints]),
  });
}

export async function loadEngineHealth(
  resolver: Resolver,
  env: Environment,
  warnings: string[],
): Promise<EngineHealthConfig> {
  for (const name of Object.values(MONITOR_VARIABLES)) {
    const text = env[name] ?? "";
    const { warning } = text.trim() === "" ? { warning: null } : lenientSeconds(name, text);
    if (warning !== null) warnings.push(warning);
  }
  return Object.freeze({
    intervalMs: resolver.pick(OPTIONS.engineHealthInterval),
    timeoutMs: resolver.pick(OPTIONS.engineHealthTimeout),
    patience: Object.freeze({
      failures: resolver.pick(OPTIONS.engineHealthFailures),
      passes: resolver.pick(OPTIONS.engineHealthSuccesses),
      holdMs: 0,
    }),
    shutdownTimeoutMs: resolver.pick(OPTIONS.engineHealthShutdownTimeout),
    stallAfterMs: resolver.pick(OPTIONS.engineStallAfter),
    quietAfterMs: resolver.pick(OPTIONS.quietAfter),
    exitsOnDeath: resolver.pick(OPTIONS.onEngineDeath) === "exit",
    canary: await loadCanary(resolver, warnings),
  });
}

async function loadCanary(resolver: Resolver, warnings: string[]): Promise<CanaryConfig | null> {
  const isOn = resolver.pick(OPTIONS.canary);
  const given = resolver.find(OPTIONS.bosTokenId);
  const modelPath = resolver.find(OPTIONS.modelPath);
  const config = {
    waitMs: resolver.pick(OPTIONS.canaryWaitTime),
    timeoutMs: resolver.pick(OPTIONS.canaryTimeout),
    patience: Object.freeze({
      failures: resolver.pick(OPTIONS.canaryFailures),
      passes: resolver.pick(OPTIONS.canarySuccesses),
      holdMs: 0,
    }),
    form: resolver.pick(OPTIONS.canaryForm),
    payload: loadPayload(resolver, warnings),
  };
  if (!isOn) return null;
  const found = given ?? (modelPath === undefined ? null : await bosTokenIdOfModel(modelPath));
  if (found === null && modelPath !== undefined) {
    warnings.push(
      `${resolver.placeOf(OPTIONS.modelPath).label}: no file in ${quoted(modelPath)} says which token begins a text; ` +
        `the canary's prompt is ${DEFAULT_BOS_TOKEN_ID}`,
    );
  }
  return Object.freeze({ ...config, bosTokenId: found ?? DEFAULT_BOS_TOKEN_ID });
}

/** One that cannot be read is an error, but in the variable a warning: so it is where that comes from. */
function loadPayload(resolver: Resolver, warnings: string[]): PayloadFields | null {
  const text = resolver.find(OPTIONS.canaryPayload);
  if (text === undefined) return null;
  const place = resolver.placeOf(OPTIONS.canaryPayload);
  const isVariable = place.option === PAYLOAD_VARIABLE;
  let read: ReturnType<typeof readPayload>;
  try {
    read = readPayload(text, isVariable ? PAYLOAD_VARIABLE : "the payload");
  } catch {
    throw refused(place, "the file is no UTF-8 text");
  }
  if ("refused" in read) {
    if (!isVariable) throw refused(place, read.refused);
    warnings.push(read.refused);
    return null;
  }
  // The reference takes one without fields for none.
  return Object.keys(read.fields).length === 0 ? null : read.fields;
}
