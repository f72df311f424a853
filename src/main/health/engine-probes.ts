/** Makes what asks an engine: the monitor of its `/health`, and the canary. MAIN THREAD, at start. */
import type { HttpEngineConfig } from "../config/config.ts";
import type { EngineHealthConfig } from "../config/health-config.ts";
import type { WorkerIdentity } from "../worker-identity.ts";
import { Canary } from "./canary.ts";
import { CanaryClient, type CanarySender } from "./canary-client.ts";
import { EngineMonitor } from "./engine-monitor.ts";
import { type HealthAsker, HealthClient } from "./health-client.ts";
import { TrtllmHealthCheckPayload } from "./payload.ts";
import { PAYLOAD_VARIABLE, type PayloadFields } from "./payload-text.ts";

/** Seams for tests; each defaults to the real thing. */
export interface EngineProbePorts {
  readonly asker: HealthAsker;
  readonly sender: CanarySender;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** May have several sleepers. */
  readonly sleep: (ms: number) => Promise<void>;
}

type Ports = Partial<EngineProbePorts> & Pick<EngineProbePorts, "now">;

export interface CanarySurroundings {
  /** What is known of the engine; null while it may still become known. */
  readonly identity: () => WorkerIdentity | null;
  /** Told of each good response. */
  readonly onAnswer: () => void;
}

/** Null where the engine is not to be asked. */
export function makeMonitor(engine: HttpEngineConfig, config: EngineHealthConfig, ports: Ports): EngineMonitor | null {
  const { intervalMs, timeoutMs, patience } = config;
  if (intervalMs === null) return null;
  const asker = ports.asker ?? new HealthClient(engine, timeoutMs);
  return new EngineMonitor({ engine: engine.name, asker, intervalMs, patience, now: ports.now, ...sleepOf(ports) });
}

/** Null where none is to be sent. */
export function makeCanary(
  engine: HttpEngineConfig,
  { canary }: EngineHealthConfig,
  { identity, onAnswer }: CanarySurroundings,
  ports: Ports,
): Canary | null {
  if (canary === null) return null;
  const { waitMs, timeoutMs, patience, bosTokenId } = canary;
  const payload = (): PayloadFields =>
    new TrtllmHealthCheckPayload({
      env: canary.payload === null ? {} : { [PAYLOAD_VARIABLE]: JSON.stringify(canary.payload) },
      tokenizer: { tokenizer: { bos_token_id: bosTokenId } },
      disaggregationMode: identity()?.disaggregationMode ?? "prefill_and_decode",
      form: canary.form,
    }).toDict();
  const model = (): string => identity()?.model ?? engine.name;
  const sender = ports.sender ?? new CanaryClient({ config: engine, timeoutMs, payload, model, bosTokenId });
  const { name } = engine;
  return new Canary({ engine: name, sender, waitMs, timeoutMs, patience, onAnswer, now: ports.now, ...sleepOf(ports) });
}

function sleepOf({ sleep }: Ports): Partial<Pick<EngineProbePorts, "sleep">> {
  return sleep === undefined ? {} : { sleep };
}
