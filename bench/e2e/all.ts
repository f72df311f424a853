/** All end to end cases, in the order of the table. */
import type { BenchCase } from "../bench-case.ts";
import { BESIDE_CASES } from "./beside.ts";
import { CLUSTER_CASES } from "./cluster.ts";
import { CONSOLIDATE_CASES } from "./consolidate.ts";
import { FLOOD_CASES } from "./flood.ts";
import { HTTP_CASES } from "./http.ts";
import { IDLE_CASES } from "./idle.ts";
import { LATENCY_CASES } from "./latency.ts";
import { LIVE_CASES } from "./live.ts";
import { MEMORY_CASE } from "./memory.ts";
import { NATS_CASES } from "./nats.ts";
import { SCALING_CASES } from "./scaling.ts";
import { SCRAPE_CASES } from "./scrape.ts";
import { START_CASE } from "./start.ts";

export const END_TO_END_CASES: readonly BenchCase[] = [
  ...FLOOD_CASES,
  ...HTTP_CASES,
  ...LATENCY_CASES,
  ...IDLE_CASES,
  MEMORY_CASE,
  ...SCRAPE_CASES,
  ...LIVE_CASES,
  ...BESIDE_CASES,
  ...NATS_CASES,
  ...CONSOLIDATE_CASES,
  ...CLUSTER_CASES,
  START_CASE,
  ...SCALING_CASES,
];
