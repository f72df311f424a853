/**
 * Events of the event plane, into the index of one model, in the order of each rank. MAIN THREAD; no sockets.
 *
 * Ids count from 1 for each life of a rank, without a hole. One that was seen already comes again after a lost connection, and is
 * left out; one too high means that something is missing, which nobody keeps: all that is known of the rank goes. Ids that go back
 * are a new life, if they come from another publisher.
 */
import { NO_OWNER } from "../router-index/rank-owners.ts";
import type { BlockFeed } from "./block-feed.ts";
import type { DropReason } from "./feed-counters.ts";
import { PlaneDecoder } from "./plane-decoder.ts";
import { PLANE_KIND, PlaneEvent } from "./plane-event.ts";
import { readJsonEvent } from "./plane-json.ts";

const BRACE = 0x7b;

interface RankOrder {
  /** Numbers of ranks are given anew when a rank is forgotten. */
  readonly worker: bigint;
  readonly rank: number;
  publisher: bigint;
  lastId: number;
}

export interface PlaneNews {
  readonly worker: bigint;
  readonly rank: number;
  readonly reason: DropReason;
  /** Events that are missing. */
  readonly lost: number;
  /** Blocks that were forgotten. */
  readonly blocks: number;
}

export class PlaneFeed {
  readonly #feed: BlockFeed;
  readonly #onNews: (news: PlaneNews) => void;
  readonly #decoder: PlaneDecoder = new PlaneDecoder();
  readonly #event: PlaneEvent = new PlaneEvent();
  readonly #orders: Map<number, RankOrder> = new Map();

  constructor(feed: BlockFeed, onNews: (news: PlaneNews) => void) {
    this.#feed = feed;
    this.#onNews = onNews;
  }

  /** A list of RouterEvents in msgpack, as one publisher sent it. Never throws for what it holds. */
  takePayload(publisher: bigint, payload: Uint8Array): void {
    const decoder = this.#decoder;
    if (!decoder.open(payload)) {
      this.refuse();
      return;
    }
    for (;;) {
      const found = decoder.next(this.#event);
      if (found === null) return;
      if (!found) {
        this.refuse();
        return;
      }
      this.#take(publisher);
    }
  }

  /** One RouterEvent in JSON. The streams that hold such say nothing about order with their ids: it is that of the stream. */
  takeJson(text: string): void {
    if (!readJsonEvent(text, this.#event)) this.refuse();
    else this.#apply(this.#event.worker);
  }

  /** A message that is none. */
  refuse(): void {
    this.#feed.counters.refused.event++;
  }

  #take(publisher: bigint): void {
    const event = this.#event;
    const { index, counters } = this.#feed;
    const owner = index.owner(event.worker, event.rank);
    if (owner === NO_OWNER) {
      counters.skipped.rank++;
      return;
    }
    const order = this.#orders.get(owner);
    if (order === undefined || order.worker !== event.worker || order.rank !== event.rank) {
      this.#orders.set(owner, { worker: event.worker, rank: event.rank, publisher, lastId: event.eventId });
    } else {
      const isNew = publisher !== order.publisher;
      if (event.eventId <= order.lastId && !isNew) {
        counters.skipped.duplicate++;
        return;
      }
      // A clear says all that a break would.
      if (event.eventId !== order.lastId + 1 && event.kind !== PLANE_KIND.cleared) this.#break(owner, order.lastId);
      order.publisher = publisher;
      order.lastId = event.eventId;
    }
    this.#apply(event.worker);
  }

  #break(owner: number, lastId: number): void {
    const { worker, rank, eventId } = this.#event;
    const lost = Math.max(0, eventId - lastId - 1);
    const reason = eventId > lastId ? "gap" : "restart";
    this.#feed.counters.lost += lost;
    this.#onNews({ worker, rank, reason, lost, blocks: this.#feed.drop(owner, reason) });
  }

  #apply(worker: bigint): void {
    const feed = this.#feed;
    const { kind, blocks, tier, rank } = this.#event;
    const owner = feed.index.owner(worker, rank);
    if (owner === NO_OWNER) feed.counters.skipped.rank++;
    else if (kind === PLANE_KIND.cleared) feed.clear(owner);
    else if (kind === PLANE_KIND.stored) feed.store(owner, tier, blocks);
    else feed.remove(owner, tier, blocks.hashLo, blocks.hashHi, blocks.count);
  }
}

/** Whether a body is JSON: in msgpack that byte would be the number 123. */
export function isJsonBody(body: Uint8Array): boolean {
  return body[0] === BRACE;
}
