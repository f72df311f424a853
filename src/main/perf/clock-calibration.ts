/**
 * What the engine's steady clock shows at a moment of ours. MAIN THREAD, pure.
 *
 *   ours     sent ────────────────────────────► received
 *   engine        └► its receipt ··· its answer ┘
 *
 * As NTP does: the way there and back are taken as equally long, and half of what both took is how wrong that can be. The best
 * of the last readings counts, and each gets worse with age, because two clocks drift. A reading that contradicts it by more than
 * both can be wrong means that the engine began anew or its clock was shifted: then only the newest counts.
 */

/** Two readings of the engine's clock, in seconds, between our sending and receiving, in monotonic milliseconds. */
export interface ClockReading {
  readonly sentMs: number;
  readonly receivedMs: number;
  readonly engineReceipt: number;
  readonly engineAnswer: number;
}

/** So far apart two quartz clocks drift: 100 millionths. */
const DRIFT = 1e-4;
const MAX_READINGS = 8;

interface Estimate {
  readonly atMs: number;
  /** Engine's clock less ours, in milliseconds. */
  readonly offsetMs: number;
  readonly errorMs: number;
}

export class ClockCalibration {
  #estimates: Estimate[] = [];
  /** Readings that showed that the clock had been shifted. */
  shifts: number = 0;

  get isCalibrated(): boolean {
    return this.#estimates.length > 0;
  }

  /**
   * False for a reading that cannot be: the answer before the receipt, or longer inside the engine than it took in all. The time
   * inside was measured by the other clock, which may go faster than ours: within that drift a way of less than nothing is none.
   */
  take({ sentMs, receivedMs, engineReceipt, engineAnswer }: ClockReading): boolean {
    const insideMs = (engineAnswer - engineReceipt) * 1000;
    const driftMs = insideMs * DRIFT;
    const wayMs = receivedMs - sentMs - insideMs;
    if (!(insideMs >= 0 && engineReceipt > 0 && wayMs >= -driftMs)) return false;
    const offsetMs = (engineReceipt * 1000 - sentMs + engineAnswer * 1000 - receivedMs) / 2;
    const made = { atMs: receivedMs, offsetMs, errorMs: (Math.max(0, wayMs) + driftMs) / 2 };
    const known = this.#best(receivedMs);
    if (known !== null && Math.abs(known.offsetMs - offsetMs) > errorAt(known, receivedMs) + made.errorMs) {
      this.shifts++;
      this.#estimates = [];
    }
    this.#estimates = [...this.#estimates, made].slice(-MAX_READINGS);
    return true;
  }

  /** Our monotonic milliseconds at which the engine's clock showed `engineSeconds`; null before a reading. */
  toOwnMs(engineSeconds: number, nowMs: number): number | null {
    const best = this.#best(nowMs);
    return best === null ? null : engineSeconds * 1000 - best.offsetMs;
  }

  /** How wrong that may be, in milliseconds; null before a reading. */
  errorMs(nowMs: number): number | null {
    const best = this.#best(nowMs);
    return best === null ? null : errorAt(best, nowMs);
  }

  #best(nowMs: number): Estimate | null {
    let best: Estimate | null = null;
    for (const estimate of this.#estimates) {
      if (best === null || errorAt(estimate, nowMs) <= errorAt(best, nowMs)) best = estimate;
    }
    return best;
  }
}

function errorAt({ atMs, errorMs }: Estimate, nowMs: number): number {
  return errorMs + Math.max(0, nowMs - atMs) * DRIFT;
}
