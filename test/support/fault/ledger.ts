/**
 * The obligation log of a fault run: every event that the engine made, and what became of it on the engine's side.
 */
import type { OracleEvent } from "./oracle-event.ts";

/**
 * `queued`   the engine still has it
 * `sent`     in an answer of which nobody knows whether it arrived: may be delivered, or reported lost
 * `handed`   the client has it: must be delivered
 * `gone`     the engine lost it, or gave it to someone else: must be reported lost
 */
export type Fate = "queued" | "sent" | "handed" | "gone";

export interface LedgerEntry {
  readonly event: OracleEvent;
  fate: Fate;
  /** It was made unreadable on purpose: counted as invalid instead of delivered. */
  spoilt: boolean;
}

/** Short names, to compare lists by: the entries themselves would fill a report with tokens. */
export function namesOf(entries: readonly LedgerEntry[]): string {
  return entries.map(({ event: { life, rank, id } }) => `${life}/${rank}/${id}`).join(" ");
}

/** What the checker and the judge know of an engine. */
export interface Truth {
  readonly ranks: number;
  /** All events of a rank, in the order in which they were made. */
  entries(rank: number): readonly LedgerEntry[];
  /** The event of this type whose first hash this is. */
  find(type: string, firstHash: bigint): LedgerEntry | undefined;
}

export class Ledger implements Truth {
  readonly ranks: number;
  readonly #entries: LedgerEntry[][];
  readonly #byHash: Readonly<Record<string, Map<bigint, LedgerEntry>>> = {
    BlockStored: new Map(),
    BlockRemoved: new Map(),
  };

  constructor(ranks: number) {
    this.ranks = ranks;
    this.#entries = Array.from({ length: ranks }, () => []);
  }

  add(event: OracleEvent, fate: Fate): LedgerEntry {
    const entry: LedgerEntry = { event, fate, spoilt: false };
    const list = this.#entries[event.rank];
    if (list === undefined) throw new Error(`there is no rank ${event.rank}`);
    list.push(entry);
    const hash = event.hashes[0];
    if (hash === undefined) return entry;
    const map = this.#byHash[event.kind === "stored" ? "BlockStored" : "BlockRemoved"];
    if (map?.has(hash) !== false) throw new Error("two events have the same hash: take another seed");
    map.set(hash, entry);
    return entry;
  }

  entries(rank: number): readonly LedgerEntry[] {
    return this.#entries[rank] ?? [];
  }

  find(type: string, firstHash: bigint): LedgerEntry | undefined {
    return this.#byHash[type]?.get(firstHash);
  }

  count(fate: Fate): number {
    let count = 0;
    for (const list of this.#entries) for (const entry of list) if (entry.fate === fate) count++;
    return count;
  }
}
