/**
 * What a router gains that knows who holds which blocks: the same trace of requests, handed out in turn and by overlap.
 *
 *   node dist/examples/kv-aware-routing.js [--requests N] [--workers N] [--svg FILE]
 *
 * The trace is of conversations that begin with one of a few long instructions, as assistants and agents have them, and grow turn
 * by turn. Each worker keeps as many blocks as it has room for, the least recently used go first, and tells the index of each that
 * comes or goes, as `kvcast serve` does for an engine. Prints the hit rates and ends with 0; with --svg it draws how they went.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Candidate, chooseWorker, KvIndexer } from "../src/main/lib.ts";

const BLOCK_TOKENS = 16;
/** Blocks of one worker. */
const CACHE_BLOCKS = 2000;
const INSTRUCTIONS = 12;
const INSTRUCTION_TOKENS = 1024;
const TURN_TOKENS = 160;
const TURNS = 8;
/** Conversations that are going on at the same time. */
const OPEN = 64;
const POINTS = 60;

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "4000" },
    workers: { type: "string", default: "4" },
    svg: { type: "string" },
  },
});
const requests = positive("--requests", values.requests);
const workers = positive("--workers", values.workers);

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  process.stderr.write(`${name} must be a whole number above 0\n`);
  return process.exit(2);
}

/** The same numbers each time. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Prompts, in the order in which they come. */
function* trace(): Generator<Uint32Array> {
  const random = randomFrom(1);
  const text = (tokens: number): number[] => Array.from({ length: tokens }, () => Math.floor(random() * 128_000));
  const instructions = Array.from({ length: INSTRUCTIONS }, () => text(INSTRUCTION_TOKENS));
  const begin = (): { tokens: number[]; turns: number } => {
    // Some are asked for far more often than others.
    const which = Math.floor(random() ** 2 * INSTRUCTIONS);
    return { tokens: [...(instructions[which] ?? [])], turns: 0 };
  };
  const open = Array.from({ length: OPEN }, begin);
  for (let n = 0; n < requests; n++) {
    const at = Math.floor(random() * OPEN);
    const one = open[at] ?? begin();
    one.tokens.push(...text(TURN_TOKENS));
    yield Uint32Array.from(one.tokens);
    open[at] = ++one.turns === TURNS ? begin() : one;
  }
}

/** The cache of one worker, which tells an index what comes and goes. */
class Worker {
  readonly #id: bigint;
  readonly #index: KvIndexer;
  /** Least recently used first. The hash of a block says all that is before it, too. */
  readonly #blocks: Set<bigint> = new Set();

  constructor(id: bigint, index: KvIndexer) {
    this.#id = id;
    this.#index = index;
  }

  /** Works on a prompt; returns how many of its blocks were there. */
  serve(tokensHashes: readonly bigint[]): number {
    const names = chainNames(tokensHashes);
    let hits = 0;
    while (hits < names.length && this.#blocks.has(names[hits] ?? 0n)) hits++;
    const fresh = names.slice(hits).map((hash, i) => ({ hash, tokensHash: tokensHashes[hits + i] ?? 0n }));
    // From its end to its beginning, so that the end is given up first.
    for (const name of names.toReversed()) {
      this.#blocks.delete(name);
      this.#blocks.add(name);
    }
    this.#index.stored(this.#id, 0, hits === 0 ? null : (names[hits - 1] ?? null), fresh);
    const gone: bigint[] = [];
    for (const oldest of this.#blocks) {
      if (this.#blocks.size - gone.length <= CACHE_BLOCKS) break;
      gone.push(oldest);
    }
    for (const hash of gone) this.#blocks.delete(hash);
    this.#index.removed(this.#id, 0, gone);
    return hits;
  }
}

/** A name for each block that no other chain has. */
function chainNames(tokensHashes: readonly bigint[]): bigint[] {
  let name = 0n;
  return tokensHashes.map((hash) => (name = BigInt.asUintN(64, (name ^ hash) * 0x9e37_79b9_7f4a_7c15n + 1n)));
}

interface Outcome {
  /** Of all blocks that were asked for, those that were there. */
  readonly hitRate: number;
  /** The same within each of equal parts of the trace. */
  readonly parts: readonly number[];
}

type Policy = (index: KvIndexer, tokensHashes: readonly bigint[], loads: readonly number[], n: number) => number;

const roundRobin: Policy = (_index, _hashes, _loads, n) => n % workers;

/** As `POST /route` of `kvcast index` chooses. */
const byOverlap: Policy = (index, tokensHashes, loads) => {
  const overlaps = new Map(index.findMatches(tokensHashes).map(({ worker, device }) => [Number(worker), device]));
  const candidates = loads.map((activeBlocks, worker): Candidate => ({
    worker: BigInt(worker),
    rank: 0,
    overlapBlocks: overlaps.get(worker) ?? 0,
    activeBlocks,
    activeRequests: null,
  }));
  const options = { requestBlocks: tokensHashes.length, overlapWeight: 1, temperature: 0, maxActiveBlocks: null };
  const { chosen } = chooseWorker(candidates, { ...options, random: () => 0 });
  return Number(chosen?.worker ?? 0n);
};

function run(policy: Policy): Outcome {
  const index = new KvIndexer({ blockSizeTokens: BLOCK_TOKENS });
  const fleet = Array.from({ length: workers }, (_, id) => new Worker(BigInt(id), index));
  /** Blocks that each has to compute; some of it is done by the next request. */
  const loads = fleet.map(() => 0);
  const hits = Array.from({ length: POINTS }, () => 0);
  const asked = Array.from({ length: POINTS }, () => 0);
  let n = 0;
  for (const tokens of trace()) {
    const tokensHashes = index.hashTokens(tokens);
    const worker = policy(index, tokensHashes, loads, n);
    const found = fleet[worker]?.serve(tokensHashes) ?? 0;
    for (const [i, load] of loads.entries()) loads[i] = load * 0.8;
    loads[worker] = (loads[worker] ?? 0) + (tokensHashes.length - found);
    const part = Math.floor((n++ * POINTS) / requests);
    hits[part] = (hits[part] ?? 0) + found;
    asked[part] = (asked[part] ?? 0) + tokensHashes.length;
  }
  return { hitRate: sum(hits) / sum(asked), parts: hits.map((value, i) => value / Math.max(1, asked[i] ?? 1)) };
}

const sum = (list: readonly number[]): number => list.reduce((total, value) => total + value, 0);
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Two lines over the trace, with axes and words; opens in any browser. */
function drawing(
  curves: readonly { readonly name: string; readonly colour: string; readonly outcome: Outcome }[],
): string {
  const [width, height, left, top] = [720, 360, 56, 48];
  const [across, down] = [width - left - 150, height - top - 48];
  const x = (i: number): string => (left + (i * across) / (POINTS - 1)).toFixed(1);
  const y = (share: number): string => (top + (1 - share) * down).toFixed(1);
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<line x1="${left}" y1="${y(share)}" x2="${left + across}" y2="${y(share)}" stroke="#ddd"/>` +
      `<text x="${left - 8}" y="${y(share)}" text-anchor="end" dominant-baseline="middle">${100 * share} %</text>`,
  );
  const lines = curves.map(({ name, colour, outcome: { parts, hitRate } }) => {
    const points = parts.map((share, i) => `${x(i)},${y(share)}`).join(" ");
    const last = y(parts.at(-1) ?? 0);
    return (
      `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2"/>` +
      `<text x="${left + across + 8}" y="${last}" fill="${colour}" dominant-baseline="middle">${name}, ${percent(hitRate)}</text>`
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="white"/>
<text x="${left}" y="24" font-size="15">Blocks of prompts that were in the cache, ${workers} workers of ${CACHE_BLOCKS} blocks</text>
${[...grid, ...lines].join("\n")}
<text x="${left + across / 2}" y="${height - 16}" text-anchor="middle">${requests} requests, in the order in which they came</text>
</svg>
`;
}

const inTurn = run(roundRobin);
const aware = run(byOverlap);
process.stdout.write(`round robin   ${percent(inTurn.hitRate)} of all blocks were in the cache\n`);
process.stdout.write(`kv-aware      ${percent(aware.hitRate)}\n`);
process.stdout.write(`gained        ${percent(aware.hitRate - inTurn.hitRate)} of all blocks need not be computed\n`);
if (values.svg !== undefined) {
  const curves = [
    { name: "kv-aware", colour: "#0a6", outcome: aware },
    { name: "round robin", colour: "#c40", outcome: inTurn },
  ];
  writeFileSync(values.svg, drawing(curves));
  process.stdout.write(`drawn into ${values.svg}\n`);
}
