/**
 * Measures one micro case and tells its parent. argv: a MicroOrder as JSON. The only user of mitata.
 */
import { measure } from "mitata";
import { MICRO_CASES } from "./all.ts";
import type { MicroAnswer, MicroOrder } from "./micro-case.ts";

const order = JSON.parse(process.argv[2] ?? "{}") as MicroOrder;
const found = MICRO_CASES.find(({ name }) => name === order.name);
if (found === undefined) throw new Error(`there is no micro case ${order.name}`);
const { perCall, bytesPerCall = null, work } = found.prepare();
const { tail = false } = found;
const stats = await measure(work, { min_cpu_time: order.cpuMs * 1e6, ...(tail ? { batch_threshold: 0 } : {}) });
const p99Nanoseconds = tail ? stats.p99 : null;
const answer: MicroAnswer = { nanoseconds: stats.p50, perCall, bytesPerCall, p99Nanoseconds };
process.send?.(answer, () => process.disconnect());
