/**
 * Which rank gets a request: the one that has most of it, unless it has too much else to do. MAIN THREAD; pure.
 *
 *   cost = w · (blocks of the request − blocks that the rank has) + blocks of its requests under way
 *
 * The lowest cost wins; of equal ones that with fewer requests, then one at random. With a temperature, ranks are drawn, each with a
 * chance of e^(−(cost − least) / spread / temperature), where the spread is from the lowest cost to the highest.
 */

export interface Candidate {
  readonly worker: bigint;
  readonly rank: number;
  readonly overlapBlocks: number;
  readonly activeBlocks: number;
  /** null when nobody said. */
  readonly activeRequests: number | null;
}

export interface ChoiceOptions {
  readonly requestBlocks: number;
  /** w. */
  readonly overlapWeight: number;
  /** 0: the lowest cost. */
  readonly temperature: number;
  /** Ranks with more active blocks than this get nothing; null: no limit. */
  readonly maxActiveBlocks: number | null;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** A candidate with what its cost and its chance came to. */
export interface Weighed extends Candidate {
  readonly cost: number;
  /** 0 for one that is over the limit. */
  readonly probability: number;
  readonly isOverLimit: boolean;
}

export interface Choice {
  /** null: all are over the limit, or there is none. */
  readonly chosen: Weighed | null;
  readonly weighed: readonly Weighed[];
}

export function choose(candidates: readonly Candidate[], options: ChoiceOptions): Choice {
  const { requestBlocks, overlapWeight, maxActiveBlocks } = options;
  const costed = candidates.map((candidate) => ({
    ...candidate,
    cost: overlapWeight * (requestBlocks - candidate.overlapBlocks) + candidate.activeBlocks,
    isOverLimit: maxActiveBlocks !== null && candidate.activeBlocks > maxActiveBlocks,
  }));
  const chances = chancesOf(costed, options.temperature);
  const weighed = costed.map((candidate, i): Weighed => ({ ...candidate, probability: chances[i] ?? 0 }));
  return { chosen: draw(weighed, options.random()), weighed };
}

function chancesOf(
  candidates: readonly {
    readonly cost: number;
    readonly isOverLimit: boolean;
    readonly activeRequests: number | null;
  }[],
  temperature: number,
): readonly number[] {
  const open = candidates.filter(({ isOverLimit }) => !isOverLimit);
  const least = open.reduce((min, { cost }) => Math.min(min, cost), Infinity);
  const most = open.reduce((max, { cost }) => Math.max(max, cost), -Infinity);
  const fewest = open
    .filter(({ cost }) => cost === least)
    .reduce((min, { activeRequests }) => Math.min(min, activeRequests ?? 0), Infinity);
  const weights = candidates.map(({ cost, isOverLimit, activeRequests }) => {
    if (isOverLimit) return 0;
    if (temperature > 0) return most === least ? 1 : Math.exp(-(cost - least) / (most - least) / temperature);
    return cost === least && (activeRequests ?? 0) === fewest ? 1 : 0;
  });
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => (sum === 0 ? 0 : weight / sum));
}

function draw(weighed: readonly Weighed[], random: number): Weighed | null {
  let left = random;
  let last: Weighed | null = null;
  for (const candidate of weighed) {
    if (candidate.probability === 0) continue;
    last = candidate;
    left -= candidate.probability;
    if (left < 0) break;
  }
  return last;
}
