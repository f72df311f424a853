/**
 * What an HTTP implementation gives back once it listens. MAIN THREAD.
 */

/** How long `close()` lets handlers finish that are still at work. */
export const CLOSE_GRACE_MS = 100;

export interface Listener {
  /** The port in use, also when 0 was asked for. */
  readonly port: number;
  /** Frees the port, then ends connections; safe to call twice. */
  close(): Promise<void>;
}
