/** All that kvcast reads from outside and the fuzzer knows of. A new reader is a file in `targets/` and a row here. */
import type { FuzzTarget } from "./target.ts";
import { BATCH } from "./targets/batch.ts";
import { CLUSTER } from "./targets/cluster.ts";
import { CONFIGURATION } from "./targets/config.ts";
import { DRAIN } from "./targets/drain.ts";
import { EXPFMT } from "./targets/expfmt.ts";
import { PERF } from "./targets/perf.ts";
import { PLANE } from "./targets/plane.ts";
import { RECORDING } from "./targets/recording.ts";
import { REPLAY } from "./targets/replay.ts";
import { STATS } from "./targets/stats.ts";
import { WEB_CONFIG } from "./targets/web-config.ts";

export const TARGETS: readonly FuzzTarget[] = [
  DRAIN,
  STATS,
  PERF,
  BATCH,
  PLANE,
  REPLAY,
  CLUSTER,
  EXPFMT,
  CONFIGURATION,
  WEB_CONFIG,
  RECORDING,
];
