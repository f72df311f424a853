/** Which part of the service an engine of the configuration becomes. MAIN THREAD, at start. */
import type { EngineConfig } from "./config/config.ts";
import type { EngineRuntime } from "./engine-runtime.ts";
import type { EngineSurroundings } from "./engine-surroundings.ts";
import { RawEventEngine } from "./raw-event-engine.ts";
import { ZmqEngine } from "./zmq-engine/zmq-engine.ts";

/** Makes the engine's part, which does nothing before its `run()`. Throws ConfigError for an address that is refused. */
export function makeEngineRuntime(engine: EngineConfig, surroundings: EngineSurroundings): EngineRuntime {
  switch (engine.kind) {
    case "http":
    case "file":
    case "synthetic":
      return new RawEventEngine(engine, surroundings);
    case "zmq":
      return new ZmqEngine(engine, surroundings);
  }
}
