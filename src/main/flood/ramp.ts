/**
 * The search for the knee: the highest rate at which a service still keeps up. Pure; what a step measures comes from
 * outside, so that the search can be tested without any service.
 *
 * The rate doubles until a step fails, or halves until one holds where the first has failed already. Between the highest that
 * held and the lowest that failed the search goes on at their geometric mean, until they are a tenth apart.
 */

export interface RampStep<T> {
  readonly ratePerSecond: number;
  readonly measured: T;
  /** Why it failed; null when it held. */
  readonly shortfall: string | null;
}

export interface RampResult<T> {
  /** In the order in which they were measured. */
  readonly steps: readonly RampStep<T>[];
  /** The step at the knee; null when none held. */
  readonly knee: RampStep<T> | null;
  /** The lowest that failed; null when all held, or the search was cut short. */
  readonly above: RampStep<T> | null;
}

/** Relative width of the bracket at which the search ends. */
const WIDTH = 1.1;
/** More doublings than there are between an idle service and the fastest. */
const MAX_DOUBLINGS = 20;
const MAX_HALVINGS = 12;

/** `measure` gives null when the search is to end early, with what has been found. */
export async function findKnee<T>(
  startPerSecond: number,
  measure: (ratePerSecond: number) => Promise<{ readonly measured: T; readonly shortfall: string | null } | null>,
): Promise<RampResult<T>> {
  const steps: RampStep<T>[] = [];
  const bracket: { low: RampStep<T> | null; high: RampStep<T> | null } = { low: null, high: null };

  /** False when there was no measurement. */
  const step = async (ratePerSecond: number): Promise<boolean> => {
    const result = await measure(ratePerSecond);
    if (result === null) return false;
    const done = { ratePerSecond, ...result };
    steps.push(done);
    if (done.shortfall === null) bracket.low = done;
    else bracket.high = done;
    return true;
  };

  let goesOn = true;
  let rate = startPerSecond;
  for (let n = 0; goesOn && bracket.high === null && n <= MAX_DOUBLINGS; n++, rate *= 2) goesOn = await step(rate);
  rate = startPerSecond / 2;
  for (let n = 0; goesOn && bracket.low === null && n < MAX_HALVINGS; n++, rate /= 2) goesOn = await step(rate);
  while (goesOn && bracket.low !== null && bracket.high !== null) {
    const { ratePerSecond: low } = bracket.low;
    const { ratePerSecond: high } = bracket.high;
    if (high <= low * WIDTH) break;
    goesOn = await step(plain(Math.sqrt(low * high)));
  }
  return { steps, knee: bracket.low, above: bracket.high };
}

/** Three digits: a rate that a person can repeat. Finer than the width, so that every step is a new one. */
function plain(rate: number): number {
  return Number(rate.toPrecision(3));
}
