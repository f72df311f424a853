/** When ranks are cleared, from the configuration. MAIN THREAD; pure. */
import { isSingleEvent } from "../../shared/wire-format.ts";
import type { ServeConfig } from "../config/config.ts";
import type { ClearPolicy } from "./injections.ts";

/**
 * The class that the dynamo formats copy never clears: there --clear-on-start says whether clears may be sent at all. But the
 * index learns from the published events only, so with one every restart must be among them.
 */
export function clearPolicy(config: ServeConfig): ClearPolicy {
  return {
    onStart: config.clearOnStart,
    onRestart: config.clearOnStart || config.snapshot || !isSingleEvent(config.wireFormat),
    onGap: config.onEngineGap === "clear",
  };
}
