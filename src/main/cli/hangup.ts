/**
 * SIGHUP: read the files that connections to engines need again, and nothing else. MAIN THREAD.
 *
 * Handled from before the configuration is read until the command has ended: a hang-up must never be the end of the
 * service, not even while it starts or stops.
 */
import { messageOf } from "../../shared/errors.ts";
import type { EngineCredentials } from "../config/config.ts";
import type { LineLogger } from "../log.ts";

export class Hangups {
  #listener: (() => void) | null = null;
  /** One came while nobody listened. */
  #missed: boolean = false;
  readonly #handler = (): void => {
    if (this.#listener === null) this.#missed = true;
    else this.#listener();
  };

  /** From now on a hang-up does not end the process. */
  constructor() {
    process.on("SIGHUP", this.#handler);
  }

  /** Calls `listener` for each hang-up from now on, and at once if there was one before. */
  listen(listener: () => void): void {
    this.#listener = listener;
    if (this.#missed) listener();
    this.#missed = false;
  }

  close(): void {
    process.removeListener("SIGHUP", this.#handler);
  }
}

/** What a hang-up does. `reread` throws when a file is bad; then all the old ones stay in use. */
export function renewal(
  reread: (() => EngineCredentials) | null,
  renew: (credentials: EngineCredentials) => void,
  log: LineLogger,
): () => void {
  return () => {
    if (reread === null) {
      log.info("SIGHUP: there are no files to read again; everything else stays as it was at the start");
      return;
    }
    try {
      renew(reread());
      log.info("SIGHUP: the files of the engine's connection were read again");
    } catch (error) {
      log.error("SIGHUP: a file of the engine's connection is bad, all the old ones stay in use", {
        error: messageOf(error),
      });
    }
  };
}
