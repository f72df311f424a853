/**
 * What happens to the numbers of a stream, and what it means for the ranks that come over it. MAIN THREAD.
 *
 * A message that is lost for good concerns every rank that the socket carries: nobody knows whose it was. Their clears go out
 * at once and do not wait for the next event of each, because a rank that is silent from here on must not stay as it was.
 */
import type { ZmqSocketConfig } from "../config/config.ts";
import type { EventOutlet } from "../intake.ts";
import type { EngineCounters } from "../metrics/engine-counters.ts";
import type { EngineRanks } from "../normalise/engine-ranks.ts";
import type { Injections, RankWatch } from "../normalise/injections.ts";
import type { SavedRanks } from "../normalise/saved-ranks.ts";
import type { GapItem, RestartItem } from "../tail/stream-items.ts";
import { Continuity } from "./continuity.ts";
import type { GroupTable } from "./group-table.ts";
import type { Journal } from "./journal.ts";
import type { Room } from "./room.ts";

/** What the readers of one engine share. */
export interface SharedParts {
  readonly ranks: EngineRanks;
  readonly counters: EngineCounters;
  readonly injections: Injections;
  /** `injections`, or what passes on to it. */
  readonly watch: RankWatch;
  readonly groups: GroupTable;
  readonly outlet: EventOutlet;
  readonly room: Room;
  readonly journal: Journal;
  /** Told the published rank of a clear that the engine itself has sent: nothing is unknown of it any more. */
  readonly onCleared: (rank: number) => void;
  /** Own ranks that an event came from. */
  readonly heard: Set<number>;
}

export class StreamRanks {
  readonly #shared: SharedParts;
  readonly #socket: ZmqSocketConfig;
  readonly #continuity: Continuity;
  /** Own ranks that a loss concerns. */
  readonly #ranks: Set<number>;
  /** A message came. */
  #hasBegun: boolean = false;

  /** `saved`: where an earlier run left the ranks that this socket carries. */
  constructor(shared: SharedParts, socket: ZmqSocketConfig, saved: SavedRanks) {
    this.#shared = shared;
    this.#socket = socket;
    this.#continuity = new Continuity(saved);
    const all = Array.from({ length: shared.ranks.size }, (_, rank) => rank);
    this.#ranks = new Set(socket.rank === null ? all : [socket.rank]);
  }

  /** Number of the message to begin with. */
  get from(): number {
    return this.#continuity.from;
  }

  /** Those that an event came from. */
  heard(): readonly number[] {
    return [...this.#ranks].filter((rank) => this.#shared.heard.has(rank));
  }

  /** To be told of each message. */
  begin(isNumbered: boolean): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    // Without a number nobody can say whether it is the first one.
    if (!isNumbered) this.#continuity.break();
  }

  /** To be told of the rank of each message that has events. */
  meet(rank: number): void {
    const { heard, ranks, watch, journal } = this.#shared;
    if (heard.has(rank)) return;
    heard.add(rank);
    if (rank >= ranks.size) journal.unknownRank(rank, rank <= ranks.highest);
    if (rank > ranks.highest) return;
    this.#ranks.add(rank);
    watch.first?.(rank, this.#continuity.idOf(rank), false);
  }

  /** Settles what must go before an event of that rank. False: full, nothing was taken. */
  settle(rank: number): boolean {
    const { injections, ranks } = this.#shared;
    if (rank > ranks.highest || !injections.owes(rank)) return true;
    return injections.settle(rank, this.#continuity.idOf(rank));
  }

  /** Resolves when the clears that the gap demands have been taken. */
  async onGap(gap: GapItem): Promise<void> {
    const { counters, journal, watch } = this.#shared;
    const { endpoint } = this.#socket;
    if (gap.healed) return journal.gap(gap, endpoint);
    if (gap.reason === "timeout") counters.errors.timeout++;
    if (gap.reason === "framing") counters.errors.schema++;
    this.#continuity.break();
    // What the engine has published before we came is unknown, and not missing.
    if (!this.#hasBegun && this.#continuity.isFromBeginning) return journal.lateStart(endpoint, gap);
    journal.gap(gap, endpoint);
    const missing = gap.to - gap.from + 1;
    const cell = this.cell();
    counters.missingIds[cell] = (counters.missingIds[cell] as number) + missing;
    for (const rank of this.#ranks) watch.gap(rank, missing);
    await this.#settleAll();
  }

  /** Resolves when the clears have been taken. */
  async onRestart({ sequence, expected }: RestartItem): Promise<void> {
    const { counters, journal, watch, groups } = this.#shared;
    counters.resets++;
    journal.restart(this.#socket.endpoint, sequence, expected);
    this.#continuity.begin();
    this.#hasBegun = true;
    for (const rank of this.#ranks) {
      groups.forget(rank);
      watch.restart(rank);
    }
    await this.#settleAll();
  }

  /** Of the per-rank columns; where a socket carries all ranks, what is true of it is said of none of them. */
  cell(): number {
    const { size } = this.#shared.ranks;
    return this.#socket.rank ?? (size === 1 ? 0 : size);
  }

  async #settleAll(): Promise<void> {
    const { room, outlet } = this.#shared;
    for (const rank of this.#ranks) {
      const settle = (): boolean => this.settle(rank);
      if (!settle() && !(await room.until(settle))) return;
    }
    outlet.flush();
  }
}
