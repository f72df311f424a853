/** What is there before an engine is, and given to all parts of it. MAIN THREAD. */
import type { LoadMessage } from "../shared/nats-messages.ts";
import type { ServeConfig } from "./config/config.ts";
import type { EventOutlet } from "./intake.ts";
import type { Logger } from "./log.ts";
import type { EngineRanks } from "./normalise/engine-ranks.ts";
import type { SavedRanks } from "./normalise/saved-ranks.ts";
import type { UnknownRankSet } from "./normalise/unknown-ranks.ts";

/** What an engine finds around it. */
export interface EngineSurroundings {
  /** What holds for all engines. */
  readonly config: ServeConfig;
  readonly outlet: EventOutlet;
  /** The engine's share of the ranks. */
  readonly ranks: EngineRanks;
  /** Where an earlier run ended, all engines together, by the ranks that are published. */
  readonly saved: SavedRanks;
  /** Told of the ranks whose engine may hold blocks that it did not tell us of; null: there is no index. */
  readonly unknown: UnknownRankSet | null;
  readonly postLoad: (message: LoadMessage) => void;
  readonly log: Logger;
  /** A loop ended that never should. */
  readonly onFatal: (error: Error) => void;
}
