/** Waiting with an end. MAIN THREAD. */

/** What `work` resolves with, or null when that takes longer than `ms`; `work` goes on all the same. Leaves no timer. */
export async function within<T>(work: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), ms)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
