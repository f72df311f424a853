/** What is asked of every reader, whatever it reads: no unknown error, no stall, no growing memory. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { FuzzTarget, Session } from "./target.ts";

const DEFAULT_STALL_MS = 50;
/** A busy machine may take a thread away for as long; what the input costs, it costs each time. */
const LOOKS = 3;
const MAX_HEAP_GROWTH_BYTES = 64 * 2 ** 20;

export class StallError extends Error {
  constructor(ms: number, stallMs: number) {
    super(`an input took ${ms.toFixed(0)} ms of CPU each time, more than ${stallMs}`);
  }
}

/** Milliseconds of CPU since the usage given; a loop that waits for something else costs nothing. */
function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

/** Reads the input under a clock. Throws what the session throws, or StallError. */
export async function guarded(
  { stallMs = DEFAULT_STALL_MS }: Pick<FuzzTarget, "stallMs">,
  { run }: Session,
  input: Uint8Array,
): Promise<void> {
  const startMs = performance.now();
  const running = run(input);
  if (running !== undefined) await running;
  if (performance.now() - startMs < stallMs) return;
  let least = Infinity;
  for (let look = 0; look < LOOKS && least >= stallMs; look++) {
    const usage = process.cpuUsage();
    await run(input);
    least = Math.min(least, cpuMs(usage));
  }
  if (least >= stallMs) throw new StallError(least, stallMs);
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes that are in use, after a collection. */
function usedBytes(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Tells whether a session has come to hold more and more. */
export class MemoryWatch {
  readonly #startBytes: number = usedBytes();

  check(): void {
    const grown = usedBytes() - this.#startBytes;
    if (grown <= MAX_HEAP_GROWTH_BYTES) return;
    throw new Error(`memory grew by ${(grown / 2 ** 20).toFixed(0)} MiB, more than ${MAX_HEAP_GROWTH_BYTES / 2 ** 20}`);
  }
}
