/**
 * The most memory that events can take up, computed from the configuration. MAIN THREAD; pure.
 */
import type { ServeConfig } from "./config/config.ts";

/**
 * Bytes: the pipeline's own buffers; one drained answer (its text, and at most as much again in records of an oversize
 * event); and what libzmq may hold for one subscriber that does not read. A further such subscriber costs
 * `zmqQueueBytes` more. The program itself (code, heap at rest) is not in it.
 */
export function memoryBoundBytes(config: ServeConfig, pipelineBytes: number): number {
  const answer = config.engine.kind === "http" ? 2 * config.engine.maxResponseBytes : 0;
  const queue = config.zmqEndpoint === null ? 0 : config.zmqQueueBytes;
  return pipelineBytes + answer + queue;
}
