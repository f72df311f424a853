/**
 * Preloaded into property tests (`node --import …`): gives all of them the seed in KVCAST_FUZZ_SEED, so that a run that
 * hangs or crashes, and prints nothing, can be repeated too.
 */
import { configureGlobal, readConfigureGlobal } from "fast-check";

const seed = process.env["KVCAST_FUZZ_SEED"];
if (seed !== undefined && seed !== "") configureGlobal({ ...readConfigureGlobal(), seed: Number(seed) });
