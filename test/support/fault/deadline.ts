/** Waiting for what another process does: until a condition holds, and never longer than a deadline. */

/** How often a state that nobody announces is looked at. */
const LOOK_MS = 20;

/** Asks until the answer is not null; fails with `what` when the time is over. */
export async function eventually<T>(
  what: string,
  limitMs: number,
  ask: () => T | null | Promise<T | null>,
): Promise<T> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > endMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await lasting(LOOK_MS);
  }
}

/** The promise, or a failure with `what` when the time is over. */
export async function within<T>(what: string, limitMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${limitMs} ms: ${what}`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How long a fault lasts. Never a means to wait for something to happen. */
export function lasting(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
