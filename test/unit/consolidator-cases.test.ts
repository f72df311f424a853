/** Every recorded case of Dynamo's two consolidators, in the compatible mode. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { BlockHasher } from "../../src/main/consolidate/block-hasher.ts";
import { fragmentMask, type Lineage } from "../../src/main/consolidate/lineage.ts";
import { TIER, type Tier } from "../../src/shared/tier.ts";
import { loadXxh3 } from "../../src/shared/xxh3.ts";
import { blockStore, ConsolidatorRig } from "../support/consolidator-rig.ts";

interface CaseEvent {
  readonly type: "STORE" | "REMOVE" | "CLEAR";
  readonly block_hash?: string;
  readonly parent_hash?: string | null;
  readonly token_ids?: readonly number[];
  readonly block_size?: number;
  readonly lora_name?: string | null;
  readonly cache_salt?: string | null;
  readonly tier?: "Device" | "HostPinned";
}
interface Step {
  readonly op: "store" | "remove" | "clear" | "drain" | "num_blocks" | "kvbm_store" | "kvbm_remove";
  readonly ext?: string;
  readonly src?: string;
  readonly tokens?: readonly number[];
  readonly parent?: string;
  readonly bs?: number;
  readonly lora?: string;
  readonly ns?: string;
  readonly tier?: "Device" | "HostPinned" | "Disk";
  readonly chain_tokens?: readonly number[];
  readonly idx?: number;
  readonly expect_returned?: boolean;
  readonly expect_events?: readonly CaseEvent[];
  readonly expect?: number;
}
interface Case {
  readonly name: string;
  readonly tracker: "legacy-dedup" | "legacy-passthrough" | "kvbm-consolidator";
  readonly steps: readonly Step[];
}
const FILE = path.join(process.cwd(), "test/fixtures/consolidator/consolidator_cases.json");
const { cases } = JSON.parse(readFileSync(FILE, "utf8")) as { readonly cases: readonly Case[] };

const SOURCES = ["trtllm", "vllm", "kvbm"];
const TIERS = { Device: TIER.device, HostPinned: TIER.hostPinned, Disk: TIER.disk };

/** Hashes in the cases are any text; a number of its own stands for each, in both directions. */
class Hashes {
  readonly #numbers: Map<string, bigint> = new Map();

  number(text: string): bigint {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    // Both halves say something.
    const number = BigInt(this.#numbers.size + 1) * 0x9000_0001_8000_0001n;
    this.#numbers.set(text, BigInt.asUintN(64, number));
    return BigInt.asUintN(64, number);
  }
}

function lineageOf(tokens: readonly number[], blockSize: number, index: number): Lineage {
  const hasher = new BlockHasher(loadXxh3());
  let lo = 0;
  let hi = 0;
  let parentLo = 0;
  let parentHi = 0;
  for (let i = 0; i <= index; i++) {
    parentLo = lo;
    parentHi = hi & fragmentMask(i);
    hasher.local(Uint32Array.from(tokens), i * blockSize, (i + 1) * blockSize, null);
    if (i > 0) hasher.follow(lo, hi);
    ({ lo, hi } = hasher);
  }
  return { position: index, sequenceLo: lo, sequenceHi: hi, parentLo, parentHi };
}

function runCase({ tracker, steps }: Case): void {
  const isLineage = tracker === "kvbm-consolidator";
  const rig = new ConsolidatorRig({
    mode: tracker === "legacy-passthrough" ? "passthrough" : "dedup",
    identity: isLineage ? "lineage" : "legacy",
    compat: true,
  });
  const hashes = new Hashes();
  const textOf = (text: string | null | undefined): bigint | null => {
    if (text === null || text === undefined) return null;
    return isLineage ? BigInt(text) : hashes.number(text);
  };
  for (const [i, step] of steps.entries()) {
    const source = SOURCES.indexOf(step.src ?? "kvbm");
    const tier: Tier = TIERS[step.tier ?? "Device"];
    const returned = (outcome: string): void =>
      assert.equal(outcome === "published", step.expect_returned, `step ${i}: ${outcome}`);
    switch (step.op) {
      case "store": {
        const { ext = "", parent, tokens = [], bs = tokens.length, lora = null, ns = null } = step;
        const named = parent === undefined ? null : hashes.number(parent);
        returned(
          rig.store({ hash: hashes.number(ext), parent: named, tokens, blockSize: bs, lora, salt: ns, source, tier }),
        );
        break;
      }
      case "remove":
        returned(rig.remove(hashes.number(step.ext ?? ""), source, tier));
        break;
      case "clear":
        rig.consolidator.clear(source, 0);
        break;
      case "kvbm_store": {
        const lineage = lineageOf(step.chain_tokens ?? [], step.bs ?? 0, step.idx ?? 0);
        returned(rig.consolidator.createLineage(lineage, blockStore({ hash: 0, tokens: step.tokens ?? [], source })));
        break;
      }
      case "kvbm_remove": {
        const lineage = lineageOf(step.chain_tokens ?? [], step.bs ?? 0, step.idx ?? 0);
        returned(rig.consolidator.removeLineage(source, tier, 0, lineage));
        break;
      }
      case "num_blocks":
        assert.equal(rig.consolidator.counters.blocks, step.expect);
        break;
      case "drain": {
        const expected = (step.expect_events ?? []).map((event) => ({
          kind: { STORE: "stored", REMOVE: "removed", CLEAR: "cleared" }[event.type],
          hash: textOf(event.block_hash),
          parent: textOf(event.parent_hash),
          tokens: event.token_ids ?? [],
          blockSize: event.block_size ?? 0,
          lora: event.lora_name ?? null,
          salt: event.cache_salt ?? null,
          tier: TIERS[event.tier ?? "Device"],
          rank: 0,
          mm: null,
        }));
        assert.deepEqual(rig.drain(), expected, `step ${i}`);
        assert.equal(rig.consolidator.queued, 0);
        break;
      }
    }
  }
}

test("there are cases of all three kinds", () => {
  assert.equal(cases.length, 51);
  assert.equal(new Set(cases.map(({ tracker }) => tracker)).size, 3);
});
for (const one of cases) test(`${one.tracker}: ${one.name}`, () => runCase(one));
