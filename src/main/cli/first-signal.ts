/**
 * The signal that asks a command to end. MAIN THREAD.
 *
 * Loaded with the command line and before a command's own code: that takes a while to load, and a supervisor that changes
 * its mind meanwhile shall get the same orderly end as later.
 */

const SIGNALS: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT"];

/**
 * Resolves with the first SIGTERM or SIGINT from now on. Afterwards no handler is left, so that a second signal of either
 * kind ends the process at once, by its own action.
 */
export function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const handler = (signal: NodeJS.Signals): void => {
      for (const each of SIGNALS) process.removeListener(each, handler);
      resolve(signal);
    };
    for (const each of SIGNALS) process.on(each, handler);
  });
}
