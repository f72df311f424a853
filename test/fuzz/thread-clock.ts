/**
 * How long the main thread worked. On a busy machine an input that costs nothing can take a second, and beside a thread that
 * collects garbage or compiles, the process's time goes faster than that of the thread which is kept.
 */
import { openSync, readSync } from "node:fs";

/** Linux keeps it here; the main thread has the number of its process. Its first word is nanoseconds on a CPU. */
const FILE = `/proc/self/task/${process.pid}/schedstat`;
const LONGEST_LINE_BYTES = 64;

const line = Buffer.alloc(LONGEST_LINE_BYTES);
const fd = openFile();

function openFile(): number | null {
  try {
    return openSync(FILE, "r");
  } catch {
    return null;
  }
}

/** Milliseconds of CPU that the thread took so far; of all threads, so never too few, where the system tells no more. */
export function threadCpuMs(): number {
  const bytes = fd === null ? 0 : readSync(fd, line, 0, line.length, 0);
  const ns = Number.parseInt(line.toString("latin1", 0, bytes), 10);
  if (ns > 0) return ns / 1e6;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
