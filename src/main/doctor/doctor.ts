/**
 * Examines everything that a kvcast depends on, one thing after the other. MAIN THREAD.
 *
 *   machine ─► configuration ─► running service ─► addresses ─► engines ─► publishers ─► NATS
 *
 * Nothing is changed by it, and nothing taken away, but for what `--drain` says it takes.
 */
import { type CurveClientKeys, memberKeys } from "../../shared/curve.ts";
import type { DoctorConfig } from "../config/load-doctor.ts";
import type { PublisherAddress } from "../config/doctor-options.ts";
import type { HttpEngineConfig, ServeConfig, ZmqEngineConfig } from "../config/config.ts";
import type { Logger } from "../log.ts";
import { examineAddresses } from "./examine-address.ts";
import { examineDrain } from "./examine-drain.ts";
import { examineEngine } from "./examine-engine.ts";
import { examineMachine } from "./examine-machine.ts";
import { examineNats } from "./examine-nats.ts";
import { examinePublisher } from "./examine-publisher.ts";
import { examineReplay } from "./examine-replay.ts";
import { examineService } from "./examine-service.ts";
import { Findings, type Finding } from "./finding.ts";

export interface DoctorPorts {
  /** Told what is looked at next. */
  readonly onBegin: (what: string) => void;
  /** Told of findings as they come. */
  readonly onFindings: (findings: readonly Finding[]) => void;
  readonly log: Logger;
}

/** A publisher, and what is known of it beforehand. */
interface KnownPublisher extends PublisherAddress {
  /** What to connect with; null: no encryption. */
  readonly curve: CurveClientKeys | null;
  readonly topic: string;
  readonly kvBlockSizeTokens: number | null;
}

/** All findings, in the order in which they were made. Rejects on a bug only. */
export async function examineAll(doctor: DoctorConfig, ports: DoctorPorts): Promise<readonly Finding[]> {
  const all: Finding[] = [];
  const step = async (what: string, examine: () => Promise<readonly Finding[]> | readonly Finding[]): Promise<void> => {
    ports.onBegin(what);
    const findings = await examine();
    all.push(...findings);
    ports.onFindings(findings);
  };
  await step("this machine", () => examineMachine());
  await step("the configuration", () => examineConfig(doctor));
  const { serve } = doctor;
  let isServing = false;
  if (serve !== null) {
    const { config } = serve;
    await step("a running service", async () => {
      const exam = await examineService(config);
      isServing = exam.isServing;
      return exam.findings;
    });
    await step("addresses", () => examineAddresses(config, isServing));
    for (const engine of config.engines) {
      if (engine.kind !== "http") continue;
      await step(`engine ${engine.name}`, () => examineEngine(engine, config.kvBlockSizeTokens));
      if (!doctor.drain) continue;
      await step(`events of engine ${engine.name}, for ${doctor.listenSeconds} s`, () =>
        isServing ? notDrained(engine) : drained(engine, config, doctor.listenSeconds, ports.log),
      );
    }
  }
  for (const publisher of publishersOf(doctor, isServing)) {
    await step(`${publisher.endpoint}, for ${doctor.listenSeconds} s`, () =>
      examineStream(publisher, doctor.listenSeconds),
    );
  }
  const nats = serve?.config.nats ?? null;
  if (nats !== null) await step("NATS", () => examineNats(nats));
  return all;
}

function drained(
  engine: HttpEngineConfig,
  { kvBlockSizeTokens, attentionDpSize, pollProfile: profile }: ServeConfig,
  seconds: number,
  log: Logger,
): Promise<readonly Finding[]> {
  return examineDrain({ config: engine, profile, kvBlockSizeTokens, attentionDpSize, seconds, log });
}

/** Two readers would each find half of the events missing, and one of them would be us. */
function notDrained(engine: HttpEngineConfig): readonly Finding[] {
  const findings = new Findings("engine", `${engine.name} ${engine.url.origin}`);
  findings.skip("events", "not read: the kvcast that runs here reads them, and its own checks tell of them");
  return findings.list;
}

function examineConfig({ serve, configError, hasEngine }: DoctorConfig): readonly Finding[] {
  const findings = new Findings("config");
  if (configError !== null) {
    findings.fail("loads", {
      says: configError.message,
      why: "kvcast serve does not start, and what depends on it is not examined",
      fix: `give ${configError.option} a value that is allowed; kvcast help serve lists them`,
    });
    return findings.list;
  }
  findings.ok("loads", "every value is allowed");
  if (!hasEngine) findings.skip("engine", "no engine is named: --engine URL has it examined too");
  for (const warning of serve?.warnings ?? []) {
    findings.warn("values", {
      says: warning,
      why: "it is allowed, and probably not meant",
      fix: "change it, or leave it if it is meant",
    });
  }
  return findings.list;
}

function publishersOf(doctor: DoctorConfig, isServing: boolean): readonly KnownPublisher[] {
  const config = doctor.serve?.config ?? null;
  const named = doctor.publishers.map((address) => ({ ...address, topic: "", kvBlockSizeTokens: null }));
  if (config === null) return named;
  const { kvBlockSizeTokens } = config;
  const engines = config.engines.filter((engine) => engine.kind === "zmq");
  return [
    ...engines.flatMap((engine) => socketsOf(engine, kvBlockSizeTokens)),
    ...(isServing ? ownPublisher(config) : []),
    ...named,
  ];
}

function socketsOf(
  { sockets, topic, framing, curve }: ZmqEngineConfig,
  kvBlockSizeTokens: number,
): readonly KnownPublisher[] {
  return sockets.map(({ endpoint, replayEndpoint }) => ({
    endpoint,
    replayEndpoint,
    replayFraming: framing,
    topic,
    kvBlockSizeTokens,
    curve: curve ?? null,
  }));
}

/** What a service on this machine sends. Its address may hold a `*`, which only a socket that binds understands. */
function ownPublisher(config: ServeConfig): readonly KnownPublisher[] {
  const { zmqEndpoint, zmqTopic: topic, replayEndpoint, replayFraming, kvBlockSizeTokens, zmqCurve } = config;
  const endpoint = reachable(zmqEndpoint);
  if (endpoint === null) return [];
  // The service always lets in its own key.
  const curve = memberKeys(zmqCurve?.keys);
  return [{ endpoint, replayEndpoint: reachable(replayEndpoint), replayFraming, topic, kvBlockSizeTokens, curve }];
}

function reachable(endpoint: string | null): string | null {
  if (endpoint === null || endpoint.endsWith(":*")) return null;
  return endpoint.replace("tcp://*:", "tcp://127.0.0.1:").replace("tcp://0.0.0.0:", "tcp://127.0.0.1:");
}

async function examineStream(publisher: KnownPublisher, seconds: number): Promise<readonly Finding[]> {
  const { findings, lastSequence } = await examinePublisher(publisher, seconds);
  const { replayEndpoint, replayFraming: framing, curve } = publisher;
  if (replayEndpoint === null) return findings;
  return [...findings, ...(await examineReplay({ endpoint: replayEndpoint, framing, from: lastSequence ?? 0, curve }))];
}
