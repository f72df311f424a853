/** All boards, in the order in which to look at them. */
import type { Board } from "./board-model.ts";
import { ENGINES } from "./engines.ts";
import { OVERVIEW } from "./overview.ts";
import { PIPELINE } from "./pipeline.ts";
import { REQUESTS } from "./requests.ts";
import { RUNTIME } from "./runtime.ts";

export const BOARDS: readonly Board[] = [OVERVIEW, ENGINES, PIPELINE, REQUESTS, RUNTIME];
