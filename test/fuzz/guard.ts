/** What is asked of every reader, whatever it reads: no unknown error, no stall, no growing memory. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Session } from "./target.ts";
import { threadCpuMs } from "./thread-clock.ts";

/** Longest that one input may keep a thread. */
const STALL_MS = 50;
/** The first time code may be compiled, and garbage of others collected; what the input costs, it costs each time. */
const LOOKS = 3;
const MAX_HEAP_GROWTH_BYTES = 64 * 2 ** 20;

export class StallError extends Error {
  constructor(ms: number) {
    super(`an input took ${ms.toFixed(0)} ms of CPU each time, more than ${STALL_MS}`);
  }
}

/** Reads the input under a clock. Throws what the session throws, or StallError. */
export async function guarded(session: Pick<Session, "run" | "again">, input: Uint8Array): Promise<void> {
  const { run, again = run } = session;
  const startMs = performance.now();
  const running = run(input);
  if (running !== undefined) await running;
  // The thread cannot have worked for longer than that; a busy machine may take it away for as long.
  if (performance.now() - startMs < STALL_MS) return;
  let leastMs = Infinity;
  for (let look = 0; look < LOOKS && leastMs >= STALL_MS; look++) {
    const beforeMs = threadCpuMs();
    await again(input);
    leastMs = Math.min(leastMs, threadCpuMs() - beforeMs);
  }
  if (leastMs >= STALL_MS) throw new StallError(leastMs);
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
