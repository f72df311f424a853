/**
 * What `serve` says when it is up: a card for people, or flat fields for a log line. MAIN THREAD. Pure functions; no secrets,
 * because an engine's URL holds none and its headers are not asked.
 */
import type { EngineConfig, LoadedConfig, PublishConfig, ServeConfig } from "../config/config.ts";
import type { Origin } from "../config/option-spec.ts";
import type { ClusterConfig } from "../config/load-cluster.ts";
import type { NatsConfig } from "../config/load-nats.ts";
import { ranksAt } from "../normalise/engine-ranks.ts";
import { VERSION } from "./version.ts";

/** How the ZMQ sockets are guarded; no row where they are not. */
export function curveRow({ zmqCurve }: Pick<PublishConfig, "zmqCurve">): readonly string[] {
  if (zmqCurve === null) return [];
  const { keys, clients } = zmqCurve;
  const who =
    typeof clients === "string" ? "whoever knows this key may connect" : `clients in ${clients.file} may connect`;
  return [row("curve", `public key ${keys.publicKey}; ${who}`)];
}

/** What is only known once sockets are bound. */
export interface BoundFacts {
  /** With the port that was bound; null when ZMQ is off. */
  readonly zmqEndpoint: string | null;
  /** The same of the replay socket; null when nothing is kept. */
  readonly replayEndpoint: string | null;
  /** Without a trailing slash; null when HTTP is off. */
  readonly httpUrl: string | null;
  /** Of the live page; null when it is off. */
  readonly pageUrl: string | null;
  /** What serves it, for example `hyper-express`. */
  readonly httpImplementation: string | null;
  /** What it is called in its cluster; absent or null where it has joined none. */
  readonly clusterName?: string | null;
  /** Most memory that events can take up: ring, encoders and send queues. */
  readonly memoryBoundBytes: number;
}

const BYTES_PER_MIB = 1024 * 1024;
const ORIGINS: readonly Origin[] = ["flag", "env", "file"];

/** The fields of the start record, for a structured log. Flat; the names are stable. */
export function startFields(loaded: LoadedConfig, facts: BoundFacts): Record<string, string | number | null> {
  const { config } = loaded;
  return {
    version: VERSION,
    engine: config.engines.map(({ name }) => name).join(","),
    engine_source: config.engines.map(describeEngine).join(", "),
    ...(config.engines.length === 1
      ? {}
      : { engine_ranks: config.engines.map((_, i) => rankText(config, i)).join(",") }),
    zmq_endpoint: facts.zmqEndpoint,
    replay_endpoint: facts.replayEndpoint,
    ...(config.zmqCurve === null ? {} : { zmq_public_key: config.zmqCurve.keys.publicKey }),
    zmq_topic: config.zmqTopic,
    wire_format: config.wireFormat,
    nats_servers: config.nats?.connection.servers.join(",") ?? null,
    nats_stream: config.nats?.jetStream ?? null,
    ...(config.cluster === null
      ? {}
      : { cluster_leader: config.cluster.leader.pub, cluster_name: facts.clusterName ?? null }),
    metrics_url: facts.httpUrl === null ? null : `${facts.httpUrl}/metrics`,
    page_url: facts.pageUrl,
    health_url: facts.httpUrl === null ? null : `${facts.httpUrl}/health`,
    http_server: facts.httpImplementation,
    memory_bound_mib: Math.ceil(facts.memoryBoundBytes / BYTES_PER_MIB),
    config_origin: describeOrigins(loaded.origins),
  };
}

/** About ten lines for a terminal, and one for each further engine, with a newline at the end. */
export function startCard(loaded: LoadedConfig, facts: BoundFacts): string {
  const { config } = loaded;
  const topic = config.zmqTopic === "" ? "no topic" : `topic ${JSON.stringify(config.zmqTopic)}`;
  const tokens = config.redactTokens ? ", without token ids" : "";
  const zmq = `${facts.zmqEndpoint ?? ""}, wire format ${config.wireFormat}, ${topic}${tokens}`;
  const lines = [
    `kvcast ${VERSION}`,
    ...config.engines.map((engine, i) => row(i === 0 ? "engine" : "", engineText(config, engine, i))),
    row("zmq", facts.zmqEndpoint === null ? "off" : zmq),
    ...curveRow(config),
    ...(facts.replayEndpoint === null
      ? []
      : [row("replay", `${facts.replayEndpoint}, framing ${config.replayFraming}: the last ${replayWindow(loaded)}`)]),
    ...(config.nats === null ? [] : [row("nats", describeNats(config.nats))]),
    row("metrics", facts.httpUrl === null ? "off" : `${facts.httpUrl}/metrics`),
    row("health", facts.httpUrl === null ? "off" : `${facts.httpUrl}/health (served by ${facts.httpImplementation})`),
    ...(config.cluster === null ? [] : [row("cluster", clusterText(config.cluster, facts.clusterName ?? ""))]),
    row("memory", `events take up at most ${Math.ceil(facts.memoryBoundBytes / BYTES_PER_MIB)} MiB`),
    row("config", describeOrigins(loaded.origins)),
  ];
  if (facts.pageUrl !== null) lines.push(row("watch", `${facts.pageUrl} in a browser`));
  else if (facts.httpUrl !== null) lines.push(row("watch", `curl -s ${facts.httpUrl}/metrics | grep _events_total`));
  return `${lines.join("\n")}\n`;
}

/** The connection is made in the background: nobody can say here whether there is one. */
function describeNats({ connection, events, encoding, jetStream, load, place }: NatsConfig): string {
  const what = [...(events ? [`events as ${encoding}`] : []), ...(load ? ["load"] : [])].join(" and ");
  const way = events && jetStream !== null ? `, stream ${jetStream}` : "";
  return `${connection.servers.join(", ")}: ${what} of worker ${place.workerId}${way}`;
}

function clusterText({ leader, size }: ClusterConfig, name: string): string {
  const waits = size === null ? "" : `; reads no engine before all of ${size} workers are ready`;
  return `worker ${name}, led from ${leader.pub}${waits}`;
}

function replayWindow({ config }: LoadedConfig): string {
  return `${config.replayBatches} messages or ${Math.floor(config.replayBytes / BYTES_PER_MIB)} MiB`;
}

/** The name, what is read, and under which ranks it is published where that is not as the engine counts them. */
function engineText(config: ServeConfig, engine: EngineConfig, position: number): string {
  const text = `${engine.name}: ${describeEngine(engine)}`;
  return config.engines.length === 1
    ? text
    : `${text}, published as ${config.attentionDpSize === 1 ? "rank" : "ranks"} ${rankText(config, position)}`;
}

/** `4`, or `4-7`. */
function rankText({ engines, attentionDpSize }: ServeConfig, position: number): string {
  const { base, size } = ranksAt(position, engines.length, attentionDpSize);
  return size === 1 ? String(base) : `${base}-${base + size - 1}`;
}

/** What is read, in one line. */
function describeEngine(engine: EngineConfig): string {
  if (engine.kind === "http") return `trtllm-serve at ${engine.url.href.replace(/\/$/, "")}`;
  if (engine.kind === "file") {
    const { path, speed } = engine;
    const pace =
      speed === Infinity ? "as fast as it goes" : speed === 1 ? "as it was recorded" : `at ${speed} times its speed`;
    return `recording ${path}, ${pace}`;
  }
  if (engine.kind === "zmq") {
    const [first, ...others] = engine.sockets;
    const more = others.length === 0 ? "" : ` and ${others.length} more`;
    const replay = first?.replayEndpoint ?? null;
    const healing = replay === null ? ", without replay" : `, replay ${replay}, framing ${engine.framing}`;
    return `ZMQ publisher at ${first?.endpoint ?? ""}${more}${healing}`;
  }
  const { events, ratePerSecond, blocks, tokens, ranks } = engine.traffic;
  const rate = Number.isFinite(ratePerSecond) ? `${ratePerSecond} events/s` : "events as fast as it goes";
  const end = Number.isFinite(events) ? `, ${events} in all` : "";
  return `built-in, ${rate}${end}, ${blocks} × ${tokens} tokens each, ${ranks} ${ranks === 1 ? "rank" : "ranks"}`;
}

function describeOrigins(origins: ReadonlyMap<string, Origin>): string {
  const parts: string[] = [];
  for (const origin of ORIGINS) {
    const names = [...origins].filter(([, from]) => from === origin).map(([name]) => name);
    if (names.length > 0) parts.push(`${origin}: ${names.join(", ")}`);
  }
  return parts.length === 0 ? "all defaults" : `${parts.join("; ")}; the rest are defaults`;
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(8)}${value}`;
}
