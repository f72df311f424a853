/** All micro cases, in the order of the table: along the way of an event. */
import { CONSOLIDATE_CASES } from "./consolidate.bench.ts";
import { COUNTER_CASES } from "./counters.bench.ts";
import { ENCODER_CASES } from "./encoder.bench.ts";
import { EXPOSITION_CASES } from "./exposition.bench.ts";
import type { MicroCase } from "./micro-case.ts";
import { NORMALISER_CASES } from "./normaliser.bench.ts";
import { PLANE_CASES } from "./plane.bench.ts";
import { RING_CASES } from "./ring.bench.ts";
import { ROUTER_INDEX_CASES } from "./router-index.bench.ts";
import { SCANNER_CASES } from "./scanner.bench.ts";
import { TRAFFIC_CASES } from "./traffic.bench.ts";
import { WIRE_DECODE_CASES } from "./wire-decode.bench.ts";

export const MICRO_CASES: readonly MicroCase[] = [
  ...SCANNER_CASES,
  ...TRAFFIC_CASES,
  ...NORMALISER_CASES,
  ...RING_CASES,
  ...ENCODER_CASES,
  ...PLANE_CASES,
  ...WIRE_DECODE_CASES,
  ...CONSOLIDATE_CASES,
  ...ROUTER_INDEX_CASES,
  ...COUNTER_CASES,
  ...EXPOSITION_CASES,
];
