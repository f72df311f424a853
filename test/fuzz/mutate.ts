/**
 * Changes to a sound input that keep most of its structure: values are left out, doubled, swapped, taken from elsewhere, put
 * inside of others, or made wrong. Which ones follows from one number.
 */
import { Random } from "./random.ts";
import type { Spans, Syntax } from "./syntax.ts";

/** What is mutated, and where its parts are. */
export interface Seed {
  readonly bytes: Uint8Array;
  readonly spans: Spans;
}

const KINDS = [
  "delete",
  "double",
  "word",
  "word",
  "word before",
  "splice",
  "splice before",
  "swap",
  "flip",
  "byte",
  "cut",
  "repeat",
  "nest",
  "stretch",
] as const;
type Kind = (typeof KINDS)[number];

const MAX_EDITS = 6;
/** No input is much longer, whatever is repeated. */
const MAX_GROWTH_BYTES = 16 * 1024;
/** Most things are repeated a few times; now and then something is repeated until there is no more room. */
const FEW = 8;
const MANY = 2000;
const MANY_EVERY = 8;
const MAX_NESTS = 300;
const MAX_FILLING_BYTES = 4096;

const EMPTY = Buffer.alloc(0);

/** What takes the place of bytes `start` to `end`. */
interface Change {
  readonly start: number;
  readonly end: number;
  readonly parts: readonly Uint8Array[];
}

/** An input that follows from the number; some are a seed as it is. */
export function mutated(number: number, seeds: readonly Seed[], syntax: Syntax): Buffer {
  const random = new Random(number);
  const seed = random.of(seeds);
  const donor = random.of(seeds);
  if (seed === undefined || donor === undefined) return EMPTY;
  const changes = Array.from({ length: random.below(MAX_EDITS + 1) }, () => changeOf(random, seed, donor, syntax));
  changes.sort((a, b) => a.start - b.start || a.end - b.end);
  const parts: Uint8Array[] = [];
  let done = 0;
  for (const { start, end, parts: own } of changes) {
    // Of two changes of one place the first counts.
    if (start < done) continue;
    parts.push(seed.bytes.subarray(done, start), ...own);
    done = end;
  }
  parts.push(seed.bytes.subarray(done));
  return Buffer.concat(parts);
}

function spanOf({ bytes, spans }: Seed, random: Random): readonly [start: number, end: number] {
  if (spans.length === 0) return [0, bytes.length];
  const index = 2 * random.below(spans.length / 2);
  return [spans[index] ?? 0, spans[index + 1] ?? bytes.length];
}

function changeOf(random: Random, seed: Seed, donor: Seed, syntax: Syntax): Change {
  const [start, end] = spanOf(seed, random);
  const own = seed.bytes.subarray(start, end);
  const kind: Kind = random.of(KINDS) ?? "delete";
  switch (kind) {
    case "delete":
      return { start, end, parts: [] };
    case "double":
      return { start, end, parts: [own, syntax.glue, own] };
    case "word":
      return { start, end, parts: [random.of(syntax.words) ?? EMPTY] };
    case "word before":
      return { start, end, parts: [random.of(syntax.words) ?? EMPTY, syntax.glue, own] };
    case "splice":
    case "splice before": {
      const [from, to] = spanOf(donor, random);
      const taken = donor.bytes.subarray(from, to);
      return { start, end, parts: kind === "splice" ? [taken] : [taken, syntax.glue, own] };
    }
    case "swap": {
      const [from, to] = spanOf(seed, random);
      if (from < end) return { start, end, parts: [] };
      return { start, end: to, parts: [seed.bytes.subarray(from, to), seed.bytes.subarray(end, from), own] };
    }
    case "flip":
    case "byte": {
      const changed = Buffer.from(own);
      const index = random.below(changed.length);
      if (changed.length > 0)
        changed[index] = kind === "byte" ? random.below(256) : (changed[index] ?? 0) ^ (1 << random.below(8));
      return { start, end, parts: [changed] };
    }
    case "cut":
      return { start, end: seed.bytes.length, parts: [own.subarray(0, random.below(own.length + 1))] };
    case "repeat": {
      const unit = Buffer.concat([own, syntax.glue]);
      const times = Math.min(often(random, MANY), Math.floor(MAX_GROWTH_BYTES / Math.max(1, unit.length)));
      return { start, end, parts: [repeated(unit, times), own] };
    }
    case "nest": {
      const [before, after] = random.of(syntax.nests) ?? [EMPTY, EMPTY];
      const depth = often(random, MAX_NESTS);
      return { start, end, parts: [repeated(before, depth), own, repeated(after, depth)] };
    }
    case "stretch": {
      const middle = own.length >> 1;
      const filling = Buffer.alloc(often(random, MAX_FILLING_BYTES), own[middle] ?? 0x30);
      return { start, end, parts: [own.subarray(0, middle), filling, own.subarray(middle)] };
    }
  }
}

function often(random: Random, most: number): number {
  return 1 + random.below(random.below(MANY_EVERY) === 0 ? most : FEW);
}

function repeated(piece: Uint8Array, times: number): Buffer {
  return Buffer.alloc(piece.length * times, piece);
}
