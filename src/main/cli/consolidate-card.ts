/** What `consolidate` says when it is up: a card for people, or flat fields for a log line. MAIN THREAD. Pure. */
import type { LoadedConsolidateConfig } from "../config/load-consolidate.ts";
import type { SourceEndpoint } from "../config/source-endpoint.ts";
import { curveRow } from "./start-card.ts";
import { VERSION } from "./version.ts";

/** What is only known once sockets are bound. */
export interface ConsolidateFacts {
  readonly zmqEndpoint: string | null;
  readonly replayEndpoint: string | null;
  readonly httpUrl: string | null;
  /** Most memory that events on their way can take up; live blocks are extra. */
  readonly memoryBoundBytes: number;
}

const BYTES_PER_MIB = 1024 * 1024;

/** The names are stable. */
export function consolidateFields(
  { config }: LoadedConsolidateConfig,
  facts: ConsolidateFacts,
): Record<string, string | number | boolean | null> {
  return {
    version: VERSION,
    sources: config.sources.map(sourceText).join(", "),
    mode: config.mode,
    identity: config.identity,
    compat: config.compat,
    drain_interval_ms: config.drainIntervalMs,
    zmq_endpoint: facts.zmqEndpoint,
    ...(config.zmqCurve === null ? {} : { zmq_public_key: config.zmqCurve.keys.publicKey }),
    replay_endpoint: facts.replayEndpoint,
    wire_format: config.wireFormat,
    nats_servers: config.nats?.connection.servers.join(",") ?? null,
    metrics_url: facts.httpUrl === null ? null : `${facts.httpUrl}/metrics`,
    health_url: facts.httpUrl === null ? null : `${facts.httpUrl}/health`,
    memory_bound_mib: Math.ceil(facts.memoryBoundBytes / BYTES_PER_MIB),
  };
}

export function consolidateCard(loaded: LoadedConsolidateConfig, facts: ConsolidateFacts): string {
  const { config } = loaded;
  const wait = config.drainIntervalMs === 0 ? "at once" : `every ${config.drainIntervalMs} ms`;
  const rules = config.mode === "dedup" ? `dedup, ${config.identity} identity` : "passthrough";
  const lines = [
    `kvcast ${VERSION} consolidate`,
    ...config.sources.map((source, i) => row(i === 0 ? "sources" : "", sourceText(source))),
    row("rules", `${rules}${config.compat ? ", as Dynamo's to the letter" : ""}; events go out ${wait}`),
    row("zmq", facts.zmqEndpoint === null ? "off" : `${facts.zmqEndpoint}, wire format ${config.wireFormat}`),
    ...curveRow(config),
    ...(facts.replayEndpoint === null
      ? []
      : [row("replay", `${facts.replayEndpoint}, framing ${config.replayFraming}`)]),
    ...(config.nats === null ? [] : [row("nats", config.nats.connection.servers.join(", "))]),
    row("metrics", facts.httpUrl === null ? "off" : `${facts.httpUrl}/metrics`),
    row("health", facts.httpUrl === null ? "off" : `${facts.httpUrl}/health`),
    row(
      "memory",
      `events take up at most ${Math.ceil(facts.memoryBoundBytes / BYTES_PER_MIB)} MiB; live blocks are extra, ` +
        `at most ${config.maxBlocks}`,
    ),
    ...(facts.zmqEndpoint === null ? [] : [row("watch", `kvcast tail ${connectable(facts.zmqEndpoint)}`)]),
  ];
  return `${lines.join("\n")}\n`;
}

function sourceText({ kind, endpoint, replayEndpoint, replayFraming }: SourceEndpoint): string {
  const replay = replayEndpoint === null ? "" : `, replay ${replayEndpoint} (${replayFraming})`;
  return `${kind} at ${endpoint}${replay}`;
}

/** A bound address, as this machine can connect to it. */
function connectable(endpoint: string): string {
  return endpoint.replace(/^tcp:\/\/(?:\*|0\.0\.0\.0):/, "tcp://127.0.0.1:");
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(8)}${value}`;
}
