/**
 * All that may hang on a service at once, in a process of its own: scrapers, live pages, clients that ask for replays again and
 * again, and subscribers that come and go. argv: a CrowdOrder as JSON. It sends `{ready}` when all have begun, and `{report}`
 * when it is told to stop and all of them are gone.
 */
import { once } from "node:events";
import { get } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Dealer, Subscriber } from "zeromq";

export interface CrowdOrder {
  readonly port: number;
  readonly zmqEndpoint: string;
  readonly replayEndpoint: string;
  readonly scrapers: number;
  readonly scrapeEveryMs: number;
  readonly pages: number;
  readonly replayers: number;
  readonly churnPerSecond: number;
}

export interface CrowdReport {
  readonly scrapes: number;
  readonly failedScrapes: number;
  readonly slowestScrapeMs: number;
  /** Bytes that the page which got the least has got. */
  readonly leastPageBytes: number;
  readonly closedPages: number;
  /** Replays whose end marker came, and messages in them. */
  readonly replays: number;
  readonly replayedMessages: number;
  /** Replays that were not answered in time. */
  readonly silentReplays: number;
  readonly subscribers: number;
}

const REPLAY_MS = 10_000;
const SCRAPE_MS = 30_000;
const STREAM = "/v1/live/stream";
/** Shortest and longest stay of a subscriber, by turns. */
const STAYS_MS = [0, 5, 20, 100];

const order = JSON.parse(process.argv[2] ?? "{}") as CrowdOrder;
const counts = { scrapes: 0, failedScrapes: 0, slowestScrapeMs: 0, closedPages: 0 };
const replayed = { replays: 0, replayedMessages: 0, silentReplays: 0, subscribers: 0 };
const state = { isOver: false };

async function scrapeOnce(): Promise<void> {
  const startMs = performance.now();
  try {
    const request = get({ host: "127.0.0.1", port: order.port, path: "/metrics", agent: false, timeout: SCRAPE_MS });
    request.on("timeout", () => request.destroy(new Error("no answer")));
    const [response] = (await once(request, "response")) as [NodeJS.ReadableStream & { readonly statusCode?: number }];
    response.resume();
    await once(response, "end");
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
    counts.scrapes++;
  } catch {
    counts.failedScrapes++;
  }
  counts.slowestScrapeMs = Math.max(counts.slowestScrapeMs, performance.now() - startMs);
}

async function scraper(): Promise<void> {
  while (!state.isOver) {
    await scrapeOnce();
    await sleep(order.scrapeEveryMs);
  }
}

/** Reads the stream and throws it away; what came is counted. */
async function page(): Promise<number> {
  let bytes = 0;
  const socket = connect(order.port, "127.0.0.1");
  socket.on("data", (data: Buffer) => (bytes += data.length));
  socket.on("error", () => {});
  socket.on("close", () => {
    if (!state.isOver) counts.closedPages++;
  });
  await once(socket, "connect");
  socket.write(`GET ${STREAM} HTTP/1.1\r\nHost: localhost:${order.port}\r\n\r\n`);
  while (!state.isOver) await sleep(50);
  socket.destroy();
  return bytes;
}

/** Asks for all that is kept, over and over. */
async function replayer(): Promise<void> {
  const socket = new Dealer({ linger: 0, receiveTimeout: REPLAY_MS });
  socket.connect(order.replayEndpoint);
  while (!state.isOver) {
    await socket.send(["", Buffer.alloc(8)]);
    for (;;) {
      const frames = await socket.receive().catch(() => null);
      if (frames === null) {
        replayed.silentReplays++;
        break;
      }
      if (frames.at(-2)?.equals(Buffer.alloc(8, 0xff)) === true && frames.at(-1)?.length === 0) {
        replayed.replays++;
        break;
      }
      replayed.replayedMessages++;
    }
  }
  socket.close();
}

async function visit(stayMs: number): Promise<void> {
  const socket = new Subscriber({ linger: 0, receiveHighWaterMark: 10 });
  socket.connect(order.zmqEndpoint);
  socket.subscribe("");
  await sleep(stayMs);
  socket.close();
  replayed.subscribers++;
}

/** So many a second come, by the clock: whoever is late is made up for. */
async function churn(): Promise<void> {
  const startMs = performance.now();
  const visits: Promise<void>[] = [];
  for (let i = 0; !state.isOver;) {
    const due = ((performance.now() - startMs) / 1000) * order.churnPerSecond;
    for (; i < due; i++) visits.push(visit(STAYS_MS[i % STAYS_MS.length] ?? 0));
    await sleep(5);
  }
  await Promise.all(visits);
}

const many = <T>(count: number, one: () => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: count }, one));

process.on("message", () => (state.isOver = true));
process.on("disconnect", () => process.exit(0));
const pages = many(order.pages, page);
const others = Promise.all([many(order.scrapers, scraper), many(order.replayers, replayer), churn()]);
process.send?.({ ready: true });
const bytes = await pages;
await others;
const report: CrowdReport = { ...counts, ...replayed, leastPageBytes: Math.min(...bytes) };
process.send?.({ report });
