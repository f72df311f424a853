/** What Linux tells of another process, without asking that process to do anything for it. */
import { existsSync, readFileSync } from "node:fs";

/** Of the fields in /proc/PID/stat; the same on every Linux that Node runs on. */
const TICKS_A_SECOND = 100;
const USER_TIME = 13;
const SYSTEM_TIME = 14;

/** Why nothing can be told here; null where it can. */
export function procAbsence(): string | null {
  return existsSync("/proc/self/stat") ? null : "it reads /proc, which only Linux has";
}

/** CPU time of all threads of the process so far, to 10 ms. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in brackets, may hold anything; counting starts behind it, with the third field.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[USER_TIME - 2]) + Number(fields[SYSTEM_TIME - 2])) / TICKS_A_SECOND;
}

/** Memory that the process holds now, or held at most. */
export function rssBytes(pid: number, which: "now" | "peak" = "now"): number {
  const name = which === "now" ? "VmRSS" : "VmHWM";
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  if (kib === undefined) throw new Error(`/proc/${pid}/status says nothing about ${name}`);
  return Number(kib) * 1024;
}
