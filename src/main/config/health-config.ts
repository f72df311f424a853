/** What of the configuration is about health. Frozen, units in the names. */
import type { PayloadFields } from "../health/payload-text.ts";
import type { Patience } from "../health/watched.ts";
import type { PayloadForm } from "../health/payload.ts";

/** How health is asked for over HTTP. */
export interface ProbeConfig {
  readonly healthPath: string;
  readonly livePath: string;
  readonly readyPath: string;
  /** `/live` says what `/health` says. */
  readonly isLiveHealth: boolean;
  /** `/health` while something is not known yet. */
  readonly isReadyAtStart: boolean;
  /** Endpoints that alone decide over `/health`; empty: all checks do. */
  readonly endpoints: readonly string[];
}

export interface CanaryConfig {
  readonly waitMs: number;
  /** Until the first response. */
  readonly timeoutMs: number;
  readonly patience: Patience;
  /** In place of the default payload; null: that one. */
  readonly payload: PayloadFields | null;
  readonly form: PayloadForm;
  readonly bosTokenId: number;
}

/** How engines are watched. */
export interface EngineHealthConfig {
  /** Null: their `/health` is not asked. */
  readonly intervalMs: number | null;
  /** Null: no deadline. */
  readonly timeoutMs: number | null;
  readonly patience: Patience;
  readonly shutdownTimeoutMs: number;
  readonly stallAfterMs: number | null;
  readonly quietAfterMs: number | null;
  readonly exitsOnDeath: boolean;
  /** Null: there is no canary. */
  readonly canary: CanaryConfig | null;
}
