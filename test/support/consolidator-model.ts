/**
 * The consolidator's rules with maps, sets and text in place of hashes: what a block is, is spelled out. Slow and plain. One model
 * for the compatible mode with engines' hashes, one for the default.
 */
import type { StoreSpec } from "./consolidator-rig.ts";

export interface ConsolidatorModel {
  /** Events in the rig's short form. */
  readonly events: string[];
  readonly blocks: number;
  store(spec: StoreSpec): string;
  remove(hash: number, source: number, tier: number, rank: number): string;
  clear(source: number, rank: number): void;
}

const at = (rank: number): string => (rank === 0 ? "" : `@${rank}`);

/** `kinds`: by source. */
export class CompatModel implements ConsolidatorModel {
  readonly events: string[] = [];
  readonly #kinds: readonly string[];
  readonly #blocks: Map<string, { readonly sources: Set<string>; readonly first: number }> = new Map();
  readonly #mapping: Map<number, string> = new Map();

  constructor(kinds: readonly string[]) {
    this.#kinds = kinds;
  }

  get blocks(): number {
    return this.#blocks.size;
  }

  store({ hash, parent, tokens, source = 0 }: StoreSpec): string {
    const parentKey = parent === null || parent === undefined ? undefined : this.#mapping.get(Number(parent));
    const key = parentKey === undefined ? tokens.join() : `${parentKey}>${tokens.join()}`;
    const kind = this.#kinds[source] ?? "";
    this.#mapping.set(Number(hash), key);
    const block = this.#blocks.get(key);
    if (block !== undefined) {
      block.sources.add(kind);
      return "known";
    }
    this.#blocks.set(key, { sources: new Set([kind]), first: Number(hash) });
    const named = parentKey === undefined ? undefined : this.#blocks.get(parentKey);
    this.events.push(`+${hash}${named === undefined ? "" : `<${named.first}`}`);
    return "published";
  }

  remove(hash: number, source: number): string {
    const key = this.#mapping.get(hash);
    const block = key === undefined ? undefined : this.#blocks.get(key);
    if (key === undefined || block === undefined || !block.sources.delete(this.#kinds[source] ?? "")) return "unknown";
    if (block.sources.size > 0) return "known";
    this.#blocks.delete(key);
    for (const [other, mapped] of this.#mapping) if (mapped === key) this.#mapping.delete(other);
    this.events.push(`-${block.first}`);
    return "published";
  }

  clear(): void {
    this.#blocks.clear();
    this.#mapping.clear();
    this.events.push("clear");
  }
}

interface ModelBlock {
  readonly key: string;
  readonly name: number;
  readonly content: string;
  readonly rank: number;
  readonly holds: Set<string>;
}

export class DefaultModel implements ConsolidatorModel {
  readonly events: string[] = [];
  /** Of each hold; the newest is last. */
  readonly #holds: Map<string, ModelBlock> = new Map();

  get #live(): ModelBlock[] {
    return [...new Set(this.#holds.values())];
  }

  get blocks(): number {
    return this.#live.length;
  }

  store({ hash, parent, tokens, source = 0, tier = 0, rank = 0, lora, salt, mm }: StoreSpec): string {
    const name = Number(hash);
    const content = JSON.stringify([tokens, lora ?? "", salt ?? "", (mm ?? []).map(String).toSorted()]);
    const tiers = [tier, 0, 1, 2, 3];
    const hasParent = parent !== null && parent !== undefined;
    if (hasParent && Number(parent) === name) return "withheld";
    const parents = hasParent ? tiers.map((t) => this.#holds.get(`${source}/${rank}/${t}/${Number(parent)}`)) : [];
    const parentBlock = parents.find((block) => block !== undefined);
    let key = `${rank}:${content}`;
    if (parentBlock !== undefined) key = `${parentBlock.key}>${content}`;
    else if (hasParent) key = `${rank}:?${parent}>${content}`;
    const hold = `${source}/${rank}/${tier}/${name}`;
    const held = this.#holds.get(hold);
    if (held !== undefined) {
      if (held.key === key || held.content === content) return "known";
      this.#release(hold, held);
    }
    let block = this.#live.find((one) => one.key === key);
    block ??= this.#live.find((one) => one.rank === rank && one.name === name);
    if (block !== undefined && block.key !== key && block.content !== content) return "withheld";
    const isNew = block === undefined;
    block ??= { key, name, content, rank, holds: new Set() };
    block.holds.add(hold);
    this.#holds.set(hold, block);
    if (!isNew) return "known";
    const parentName = parentBlock?.name ?? (hasParent ? Number(parent) : null);
    this.events.push(`+${name}${parentName === null ? "" : `<${parentName}`}${at(rank)}`);
    return "published";
  }

  remove(hash: number, source: number, tier: number, rank: number): string {
    const hold = `${source}/${rank}/${tier}/${hash}`;
    const block = this.#holds.get(hold);
    return block === undefined ? "unknown" : this.#release(hold, block);
  }

  clear(source: number, rank: number): void {
    const isShared = [...this.#holds].some(([hold, block]) => block.rank === rank && !hold.startsWith(`${source}/`));
    const silent = this.events.length;
    for (const [hold, block] of [...this.#holds].toReversed()) {
      if (block.rank === rank && hold.startsWith(`${source}/`)) this.#release(hold, block);
    }
    if (isShared) return;
    this.events.length = silent;
    this.events.push(`clear${at(rank)}`);
  }

  #release(hold: string, block: ModelBlock): string {
    this.#holds.delete(hold);
    block.holds.delete(hold);
    if (block.holds.size > 0) return "known";
    this.events.push(`-${block.name}${at(block.rank)}`);
    return "published";
  }
}
