/**
 * Micro cases: one function in a loop. Each run has a process of its own, because the service too runs one dialect and
 * one kind of traffic: cases in one process would teach the compiler shapes that the service never sees.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { BenchCase, Figure } from "../bench-case.ts";
import type { Goal } from "../goal.ts";
import { nextMessage } from "../support/child-message.ts";

const PROCESS = fileURLToPath(new URL("./micro-process.js", import.meta.url));
/** CPU time of one measurement. */
const RUN_MS = 400;
const QUICK_RUN_MS = 100;

export interface MicroWork {
  /** Units that one call of `work` does. */
  readonly perCall: number;
  /** Bytes that one call reads, where that means something. */
  readonly bytesPerCall?: number;
  /** What it returns keeps the work from being optimised away. */
  readonly work: () => unknown;
}

export interface MicroCase {
  readonly name: string;
  /** What is counted, in the plural: events, blocks, slots. */
  readonly unit: string;
  readonly rival?: string;
  readonly goals?: readonly Goal[];
  /** Whether the slowest one in a hundred calls is told of too: each is timed by itself then. */
  readonly tail?: boolean;
  /** Makes what the work works on. Called in the measuring process only. */
  prepare(): MicroWork;
}

export interface MicroOrder {
  readonly name: string;
  readonly cpuMs: number;
}

export interface MicroAnswer {
  /** Median time of a call. */
  readonly nanoseconds: number;
  readonly perCall: number;
  readonly bytesPerCall: number | null;
  /** Of a case with a tail: what 99 of 100 calls stay below. */
  readonly p99Nanoseconds: number | null;
}

/** The case as the runner knows it: each run forks a process that measures it. */
export function microBench({ name, unit, rival, goals = [] }: MicroCase): BenchCase {
  return {
    name,
    unit: `${unit}/s`,
    goals,
    ...(rival === undefined ? {} : { rival }),
    async run({ quick }) {
      const order: MicroOrder = { name, cpuMs: quick ? QUICK_RUN_MS : RUN_MS };
      const child = fork(PROCESS, [JSON.stringify(order)]);
      const answer = (await nextMessage(child, `the process that measures ${name}`)) as MicroAnswer;
      const callsPerSecond = 1e9 / answer.nanoseconds;
      const { bytesPerCall, p99Nanoseconds } = answer;
      const more: Record<string, Figure> = {};
      if (bytesPerCall !== null) more["read"] = { value: callsPerSecond * bytesPerCall, unit: "B/s" };
      if (p99Nanoseconds !== null) more["p99"] = { value: p99Nanoseconds / 1000, unit: "µs" };
      return { main: callsPerSecond * answer.perCall, more };
    },
  };
}
