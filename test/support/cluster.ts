/** Leaders and workers that end with the test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import type { LeaderEndpoints } from "../../src/main/cluster/endpoints.ts";
import { ClusterLeader, type ClusterLeaderOptions } from "../../src/main/cluster/leader.ts";
import { ClusterWorker, type ClusterWorkerOptions } from "../../src/main/cluster/worker.ts";

/** Free ports. */
export const ANY: LeaderEndpoints = { pub: "tcp://127.0.0.1:*", ack: "tcp://127.0.0.1:*" };
export const METADATA = { numDeviceBlocks: 1024, bytesPerBlock: 2_097_152 };
/** A handshake among processes that are there already. */
export const QUICK = { timeoutMs: 10_000, roundMs: 500, pingEveryMs: 50 };

export async function leaderOf(t: TestContext, options: Partial<ClusterLeaderOptions> = {}): Promise<ClusterLeader> {
  const made = await ClusterLeader.bind({ endpoints: ANY, numWorkers: 1, ...options });
  t.after(() => made.close());
  return made;
}

export async function workerOf(
  t: TestContext,
  options: Pick<ClusterWorkerOptions, "endpoints"> & Partial<ClusterWorkerOptions>,
): Promise<ClusterWorker> {
  const made = await ClusterWorker.connect({ metadata: () => METADATA, ...options });
  t.after(() => made.close());
  return made;
}

/** Addresses that stay the same over several leaders. */
export function lastingEndpoints(t: TestContext): LeaderEndpoints {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-cluster-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return { pub: `ipc://${folder}/pub`, ack: `ipc://${folder}/ack` };
}
