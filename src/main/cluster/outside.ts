/** Calls of what a user of the library gave it. MAIN THREAD. */

/**
 * Calls it. What it throws is the process's affair, as with any listener, and not that of the loop that called: that must go on
 * reading, or one mistake would make the leader deaf.
 */
export function callOutside(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
