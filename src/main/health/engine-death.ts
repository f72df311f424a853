/** The engine has died, and the service was told to end with it. MAIN THREAD. */
import { EXIT, KvcastError } from "../../shared/errors.ts";

export class EngineDeathError extends KvcastError {
  readonly engine: string;

  constructor(engine: string, reason: string) {
    super("KVCAST_ENGINE_DEAD", `${reason}, and --on-engine-death exit ends kvcast with it`, EXIT.failure);
    this.engine = engine;
  }
}
