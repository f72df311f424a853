/** The two addresses of a leader, and the variables that Dynamo's block manager takes them from. MAIN THREAD; pure. */
import { ConfigError } from "../../shared/errors.ts";
import type { Environment } from "../config/option-spec.ts";
import type { CacheSizes } from "./metadata.ts";

export interface LeaderEndpoints {
  /** Commands: the leader binds a publisher here, workers subscribe. */
  readonly pub: string;
  /** Answers: the leader binds a PULL socket here, workers push. */
  readonly ack: string;
}

export const DEFAULT_LEADER: LeaderEndpoints = { pub: "tcp://127.0.0.1:56001", ack: "tcp://127.0.0.1:56002" };

const HOST = "DYN_KVBM_LEADER_ZMQ_HOST";
const PUB_PORT = "DYN_KVBM_LEADER_ZMQ_PUB_PORT";
const ACK_PORT = "DYN_KVBM_LEADER_ZMQ_ACK_PORT";
const INIT_TIMEOUT = "DYN_KVBM_LEADER_WORKER_INIT_TIMEOUT_SECS";
const DEFAULT_INIT_SECONDS = 120;
const MAX_INIT_SECONDS = 7 * 86_400;
const MAX_PORT = 65_535;

/** Throws ConfigError for a value that is not allowed. An empty variable counts as unset. */
export function leaderEndpoints(env: Environment): LeaderEndpoints {
  const host = textOf(env, HOST) ?? "127.0.0.1";
  if (!/^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,252}|\*|\[[0-9A-Fa-f:.]+\])$/.test(host)) {
    throw new ConfigError(HOST, `${HOST}: ${JSON.stringify(host)} is no host name or address`);
  }
  const pub = countOf(env, PUB_PORT, 56_001, 1, MAX_PORT);
  const ack = countOf(env, ACK_PORT, 56_002, 1, MAX_PORT);
  if (pub === ack) {
    throw new ConfigError(ACK_PORT, `${PUB_PORT} and ${ACK_PORT} are both ${pub}; the leader needs two ports`);
  }
  return { pub: `tcp://${host}:${pub}`, ack: `tcp://${host}:${ack}` };
}

/** How long the handshake may take, in milliseconds. Throws ConfigError. */
export function initTimeoutMs(env: Environment): number {
  return 1000 * countOf(env, INIT_TIMEOUT, DEFAULT_INIT_SECONDS, 1, MAX_INIT_SECONDS);
}

/** The sizes of the caches; 0 for what is not set. Throws ConfigError. */
export function cacheSizes(env: Environment): CacheSizes {
  return {
    cpuCacheGb: gigabytesOf(env, "DYN_KVBM_CPU_CACHE_GB"),
    cpuCacheOverrideBlocks: countOf(env, "DYN_KVBM_CPU_CACHE_OVERRIDE_NUM_BLOCKS", 0, 0, Number.MAX_SAFE_INTEGER),
    diskCacheGb: gigabytesOf(env, "DYN_KVBM_DISK_CACHE_GB"),
    diskCacheOverrideBlocks: countOf(env, "DYN_KVBM_DISK_CACHE_OVERRIDE_NUM_BLOCKS", 0, 0, Number.MAX_SAFE_INTEGER),
  };
}

function textOf(env: Environment, name: string): string | undefined {
  const text = env[name]?.trim();
  return text === "" ? undefined : text;
}

function countOf(env: Environment, name: string, usual: number, min: number, max: number): number {
  const text = textOf(env, name);
  if (text === undefined) return usual;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new ConfigError(
    name,
    `${name}: ${JSON.stringify(text)} is not allowed; it takes a number from ${min} to ${max}`,
  );
}

function gigabytesOf(env: Environment, name: string): number {
  const text = textOf(env, name);
  if (text === undefined) return 0;
  const value = /^\d{1,9}(?:\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0) return value;
  throw new ConfigError(name, `${name}: ${JSON.stringify(text)} is not allowed; it takes gigabytes, as in 10 or 0.5`);
}
