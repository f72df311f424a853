/** Waiting for what another process does: until a condition holds, and never longer than a deadline. */

/** How often a state that nobody announces is looked at. */
const LOOK_MS = 20;

/**
 * Time that this process was given. It is counted in ticks and not read from a clock: those that a machine leaves out, because
 * it stands still or serves others, do not count, while a service that hangs loses its time as it should.
 */
export class Deadline {
  readonly #timer: NodeJS.Timeout;
  #leftMs: number;

  constructor(limitMs: number, onOver: () => void = () => {}) {
    this.#leftMs = limitMs;
    this.#timer = setInterval(() => {
      this.#leftMs -= LOOK_MS;
      if (!this.isOver) return;
      this.end();
      onOver();
    }, LOOK_MS);
  }

  get isOver(): boolean {
    return this.#leftMs <= 0;
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

/** Asks until the answer is not null; fails with `what` when the time is over. */
export async function eventually<T>(
  what: string,
  limitMs: number,
  ask: () => T | null | Promise<T | null>,
): Promise<T> {
  const deadline = new Deadline(limitMs);
  try {
    for (;;) {
      const answer = await ask();
      if (answer !== null) return answer;
      if (deadline.isOver) throw new Error(`not within ${limitMs} ms: ${what}`);
      await lasting(LOOK_MS);
    }
  } finally {
    deadline.end();
  }
}

/** The promise, or a failure with `what` when the time is over. */
export async function within<T>(what: string, limitMs: number, promise: Promise<T>): Promise<T> {
  let deadline: Deadline | undefined;
  const late = new Promise<never>((_, reject) => {
    deadline = new Deadline(limitMs, () => reject(new Error(`not within ${limitMs} ms: ${what}`)));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    deadline?.end();
  }
}

/** How long a fault lasts. Never a means to wait for something to happen. */
export function lasting(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
