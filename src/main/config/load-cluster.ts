/** What the options of a cluster amount to: for `serve`, and for `kvcast cluster`. MAIN THREAD, once, at start. */
import type { CurveKeyPair } from "../../shared/curve.ts";
import type { LeaderEndpoints } from "../cluster/endpoints.ts";
import type { ClusterCommand } from "../control/commands.ts";
import { readSecretKeyFile } from "../curve/secret-key-file.ts";
import { CLUSTER_COMMAND_OPTIONS, CLUSTER_OPTIONS } from "./cluster-options.ts";
import type { LogLevel } from "../log-level.ts";
import { isLocalLeader } from "./leader-endpoints.ts";
import { LOG_OPTIONS } from "./log-options.ts";
import { type Environment, type Flags, refused } from "./option-spec.ts";
import { Resolver } from "./resolve.ts";

/** A `serve` that is a worker of a cluster. */
export interface ClusterConfig {
  readonly leader: LeaderEndpoints;
  /** Null: it follows from where the service listens. */
  readonly name: string | null;
  /** Workers that are waited for before anything is read; null: none. */
  readonly size: number | null;
  readonly timeoutMs: number;
  /** What all of the cluster share; null: nothing is encrypted, and whoever reaches the addresses is heard. */
  readonly curve: CurveKeyPair | null;
}

export interface ClusterCommandConfig {
  readonly command: ClusterCommand;
  /** Of `log-level`. */
  readonly level: LogLevel | null;
  /** To be bound. */
  readonly leader: LeaderEndpoints;
  /** Null: what the workers say. */
  readonly size: number | null;
  readonly gatherMs: number;
  readonly timeoutMs: number;
  /** What all of the cluster share; null: nothing is encrypted. */
  readonly curve: CurveKeyPair | null;
  readonly json: boolean;
  /** A sentence each. */
  readonly warnings: readonly string[];
}

/** Null where no cluster is joined. Throws ConfigError. */
export function loadCluster(resolver: Resolver, warnings: string[]): ClusterConfig | null {
  const leader = resolver.find(CLUSTER_OPTIONS.clusterLeader);
  const name = resolver.find(CLUSTER_OPTIONS.clusterName) ?? null;
  const size = resolver.find(CLUSTER_OPTIONS.clusterSize) ?? null;
  const timeoutMs = resolver.pick(CLUSTER_OPTIONS.clusterTimeout);
  const key = resolver.namedFile(CLUSTER_OPTIONS.clusterCurveSecretKeyFile);
  if (leader === undefined) {
    if (name === null && size === null && key === undefined) return null;
    const beside = size === null ? CLUSTER_OPTIONS.clusterCurveSecretKeyFile : CLUSTER_OPTIONS.clusterSize;
    const option = name === null ? beside : CLUSTER_OPTIONS.clusterName;
    throw refused(resolver.placeOf(option), "no cluster is joined; add --cluster-leader");
  }
  const curve = key === undefined ? null : readSecretKeyFile(key);
  if (!isLocalLeader(leader) && curve === null) {
    warnings.push(
      `${resolver.placeOf(CLUSTER_OPTIONS.clusterLeader).label}: ${leader.pub} is not of this machine only; ` +
        "whoever can bind or reach these addresses commands this service, as docs/cluster.md says; --cluster-curve-secret-key-file keeps them out",
    );
  }
  return Object.freeze({ leader, name, size, timeoutMs, curve });
}

/** `level`: of `log-level`. Throws ConfigError. */
export function loadClusterCommand(
  command: ClusterCommand,
  level: string | null,
  flags: Flags,
  env: Environment,
  json: boolean,
): ClusterCommandConfig {
  const resolver = new Resolver({ flags, env, file: new Map() });
  const leader = resolver.pick(CLUSTER_COMMAND_OPTIONS.leader);
  const key = resolver.namedFile(CLUSTER_COMMAND_OPTIONS.clusterCurveSecretKeyFile);
  const curve = key === undefined ? null : readSecretKeyFile(key);
  const warnings =
    isLocalLeader(leader) || curve !== null
      ? []
      : [`${leader.pub} and ${leader.ack} are bound beyond this machine: whoever reaches them can pose as a worker`];
  return Object.freeze({
    command,
    level: level === null ? null : LOG_OPTIONS.logLevel.type.parse(level, { label: command, option: "LEVEL" }),
    leader,
    size: resolver.find(CLUSTER_COMMAND_OPTIONS.clusterSize) ?? null,
    gatherMs: resolver.pick(CLUSTER_COMMAND_OPTIONS.gather),
    timeoutMs: resolver.pick(CLUSTER_COMMAND_OPTIONS.timeout),
    curve,
    json,
    warnings,
  });
}
