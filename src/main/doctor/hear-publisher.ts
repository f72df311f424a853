/**
 * Listens to a publisher of KV events over ZMQ for a while, and notes what it does. MAIN THREAD.
 *
 * Listening takes nothing from anybody. What a connection says is little: libzmq connects to whatever comes later. A publisher that
 * refuses a client by its key shows only in the events of the socket, which are looked at for that.
 */
import { wallClockSeconds } from "../../shared/clock.ts";
import type { CurveClientKeys } from "../../shared/curve.ts";
import type { HandshakeRefusal } from "../tail/handshake-refusal.ts";
import { openLiveSocket } from "../tail/live-socket.ts";
import { UNNUMBERED } from "../tail/raw-message.ts";
import { type Manner, mannersOf } from "./wire-manners.ts";

const MAX_MESSAGE_BYTES: number = 64 * 1024 * 1024;
const MAX_QUEUED_BYTES: number = 128 * 1024 * 1024;
/** Messages whose bytes are looked at; the numbers of all are. */
export const MAX_EXAMINED = 2000;
/** Ranks that are told apart. */
const MAX_RANKS = 1024;

export interface PublisherTarget {
  readonly endpoint: string;
  /** Only messages whose topic begins with this. */
  readonly topic: string;
  /** What to connect with; null: no encryption. */
  readonly curve: CurveClientKeys | null;
  /** What is expected of it; null where nobody said. */
  readonly kvBlockSizeTokens: number | null;
}

/** What was heard. Ages are in seconds, of the first event of a batch. */
export interface Heard {
  connected: boolean;
  /** Why there was no connection, as the last try showed. */
  refusal: HandshakeRefusal | null;
  messages: number;
  unnumbered: number;
  faults: number;
  missing: number;
  backwards: number;
  events: number;
  first: number | null;
  last: number | null;
  manners: Map<Manner, number>;
  ranks: Set<number>;
  blockSizes: Set<number>;
  youngest: number;
  oldest: number;
}

/** Listens for `seconds` at the longest. Rejects for an address that libzmq does not take, and never else. */
export async function hearPublisher({ endpoint, topic, curve }: PublisherTarget, seconds: number): Promise<Heard> {
  const heard: Heard = {
    connected: false,
    refusal: null,
    messages: 0,
    unnumbered: 0,
    faults: 0,
    missing: 0,
    backwards: 0,
    events: 0,
    first: null,
    last: null,
    manners: new Map(),
    ranks: new Set(),
    blockSizes: new Set(),
    youngest: Number.POSITIVE_INFINITY,
    oldest: Number.NEGATIVE_INFINITY,
  };
  const socket = await openLiveSocket({
    endpoint,
    topic,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    maxQueuedBytes: MAX_QUEUED_BYTES,
    allowsUnnumbered: true,
    curve,
    onRefusal: (refusal) => {
      heard.refusal = refusal;
    },
    onConnection: (connected) => {
      heard.connected ||= connected;
    },
  });
  const timer = setTimeout(() => socket.close(), seconds * 1000);
  for (;;) {
    const item = await socket.queue.take();
    if (item === null) break;
    if (item === "woken") continue;
    heard.messages++;
    if ("fault" in item) heard.faults++;
    else {
      noteNumber(heard, item.sequence);
      if (heard.messages <= MAX_EXAMINED) noteBatch(heard, item.payload);
    }
  }
  clearTimeout(timer);
  return heard;
}

function noteNumber(heard: Heard, sequence: number): void {
  if (sequence === UNNUMBERED) {
    heard.unnumbered++;
    return;
  }
  const { last } = heard;
  if (last !== null && sequence <= last) heard.backwards++;
  else if (last !== null) heard.missing += sequence - last - 1;
  heard.first ??= sequence;
  heard.last = sequence;
}

function noteBatch(heard: Heard, payload: Uint8Array): void {
  const { manners, timestamp, rank, events, blockSizes } = mannersOf(payload);
  for (const manner of manners) heard.manners.set(manner, (heard.manners.get(manner) ?? 0) + 1);
  heard.events += events;
  if (rank !== null && heard.ranks.size < MAX_RANKS) heard.ranks.add(rank);
  for (const size of blockSizes) if (heard.blockSizes.size < MAX_RANKS) heard.blockSizes.add(size);
  const age = wallClockSeconds() - timestamp;
  if (Number.isNaN(age)) return;
  heard.youngest = Math.min(heard.youngest, age);
  heard.oldest = Math.max(heard.oldest, age);
}
