/**
 * The stream of the live page, on both servers: what a client gets, in which order, and what one costs that does not read.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { liveGate } from "../../src/main/http/live-gate.ts";
import { LIVE_PATH, LIVE_STREAM_PATH, liveRoutes } from "../../src/main/http/live-routes.ts";
import type { HttpImplementation } from "../../src/main/http/server.ts";
import { LiveHub, type LiveHubOptions, type LiveView, MAX_LIVE_CLIENTS } from "../../src/main/live/live-hub.ts";
import { LIVE_VERSION, type LiveRow, type LiveSnapshot } from "../../src/shared/live-snapshot.ts";
import { eventually } from "../support/fault/deadline.ts";
import { IMPLEMENTATIONS, startTestServer } from "../support/http-servers.ts";
import { SseClient, type SseEvent } from "../support/sse-client.ts";

const MIB = 1024 * 1024;
const PATIENCE_MS = 30_000;

/** Numbered snapshots of a given size, numbered rows. */
class NumberedView implements LiveView {
  readonly columns: readonly string[] = ["at", "in"];
  readonly newest = [];
  made: number = 0;
  readonly #padding: string;
  readonly #rows: LiveRow[] = [];

  constructor(bytes: number = 0) {
    this.#padding = "x".repeat(bytes);
  }

  historySince(at: number): readonly LiveRow[] {
    return this.#rows.filter(([rowAt]) => (rowAt ?? 0) > at);
  }
  markersSince(): readonly [] {
    return [];
  }
  tick(): LiveRow {
    const row = [this.#rows.length + 1, 1];
    this.#rows.push(row);
    return row;
  }
  snapshot(viewers: number): LiveSnapshot {
    return { at: ++this.made, viewers, padding: this.#padding } as unknown as LiveSnapshot;
  }
  peek(viewers: number): LiveSnapshot {
    return { at: this.made, viewers } as unknown as LiveSnapshot;
  }
}

const ABOUT: LiveHubOptions["about"] = {
  version: LIVE_VERSION,
  service: { version: "1", node: "20", epoch: "e", startedAt: 1 },
  options: [],
  links: [],
};
const OPEN = liveGate({ mode: "auto", host: "127.0.0.1", allowedHosts: [] });

async function started(
  t: TestContext,
  implementation: HttpImplementation,
  builder: LiveView,
  options: Partial<LiveHubOptions> = {},
): Promise<{ readonly hub: LiveHub; readonly port: number; readonly url: string }> {
  const hub = new LiveHub({ builder, about: ABOUT, ...options });
  const { server } = await startTestServer(t, implementation, liveRoutes(hub, OPEN));
  hub.start();
  t.after(() => hub.close());
  return { hub, port: server.port, url: server.url };
}

function numbersOf(events: readonly { readonly data: unknown }[]): number[] {
  return events.map(({ data }) => (data as { readonly at: number }).at);
}

function historyOf(hello: SseEvent | undefined): readonly LiveRow[] {
  assert.equal(hello?.event, "hello");
  return (hello.data as { readonly history: LiveRow[] }).history;
}

for (const implementation of IMPLEMENTATIONS) {
  void test(`${implementation}: the past first, then snapshots and rows in order; nothing is made for nobody`, async (t) => {
    const view = new NumberedView();
    const { hub, port } = await started(t, implementation, view, { snapshotEveryMs: 10, rowEveryMs: 40 });
    assert.equal(view.made, 0);
    const client = await SseClient.open(t, port, LIVE_STREAM_PATH);
    const snapshots = numbersOf(await client.of("snapshot", 12));
    assert.deepEqual(
      snapshots.slice(0, 12),
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
    const rows = await client.of("row", 3);
    const [hello] = client.events;
    assert.equal(hello?.event, "hello");
    const { history, service } = hello.data as { readonly history: LiveRow[]; readonly service: unknown };
    assert.deepEqual(service, ABOUT.service);
    const all = [...history, ...rows.map(({ data }) => data as LiveRow)].map(([at]) => at);
    assert.deepEqual(
      all,
      Array.from(all, (_, i) => i + 1),
      "no row is missing, none comes twice",
    );
    assert.deepEqual(
      rows.map(({ id }) => id),
      rows.map(({ data }) => String((data as LiveRow)[0])),
    );
    assert.deepEqual(client.remarks, ["retry: 1000", ": ping"]);
    assert.match(client.head, /content-type: text\/event-stream/);
    assert.match(client.head, /x-content-type-options: nosniff/);
    assert.match(client.head, /cache-control: no-store/);
    client.socket.destroy();
    await eventually("the client is gone", PATIENCE_MS, () => (hub.clients === 0 ? true : null));
  });

  void test(`${implementation}: who comes back with an id gets what came behind it`, async (t) => {
    const { port } = await started(t, implementation, new NumberedView(), { rowEveryMs: 10 });
    const first = await SseClient.open(t, port, LIVE_STREAM_PATH);
    const last = (await first.of("row", 5)).at(-1)?.id;
    const again = await SseClient.open(t, port, LIVE_STREAM_PATH, `Last-Event-ID: ${last}\r\n`);
    const [hello] = await again.of("hello", 1);
    const history = historyOf(hello);
    assert.ok(history.every(([at]) => (at ?? 0) > Number(last)));
    const other = await SseClient.open(t, port, LIVE_STREAM_PATH, "Last-Event-ID: what?\r\n");
    const [whole] = await other.of("hello", 1);
    assert.equal(historyOf(whole)[0]?.[0], 1);
  });

  void test(`${implementation}: one that does not read costs no memory, and is up to date when it reads`, async (t) => {
    const bytes = 500_000;
    const view = new NumberedView(bytes);
    const { hub, port } = await started(t, implementation, view, { snapshotEveryMs: 4, rowEveryMs: 20 });
    const paused = await SseClient.open(t, port, LIVE_STREAM_PATH);
    await paused.of("snapshot", 1);
    paused.socket.pause();
    await eventually("it is skipped", PATIENCE_MS, () => (hub.skippedMessages > 5 ? true : null));
    const before = process.memoryUsage.rss();
    const skippedBefore = hub.skippedMessages;
    const wanted = 500;
    await eventually("it is skipped on", PATIENCE_MS, () =>
      hub.skippedMessages - skippedBefore > wanted ? true : null,
    );
    const grown = (process.memoryUsage.rss() - before) / MIB;
    const unread = (wanted * bytes) / MIB;
    assert.ok(grown < unread / 4, `${grown.toFixed(0)} MiB more, where ${unread.toFixed(0)} were not read`);

    // Another one does not notice.
    const reader = await SseClient.open(t, port, LIVE_STREAM_PATH);
    const got = numbersOf(await reader.of("snapshot", 5));
    assert.deepEqual(
      got,
      got.toSorted((x, y) => x - y),
    );
    reader.socket.destroy();

    // When it reads again it is soon up to date, with all rows and without the snapshots it missed.
    const had = paused.events.length;
    const madeThen = view.made;
    paused.socket.resume();
    await eventually("it is up to date", PATIENCE_MS, () =>
      paused.events.slice(had).some(({ event, data }) => event === "snapshot" && (data as LiveSnapshot).at > madeThen)
        ? true
        : null,
    );
    const snapshots = numbersOf(paused.events.filter(({ event }) => event === "snapshot"));
    assert.ok(snapshots.length < view.made, "those that were skipped never come");
    await paused.of("row", 3);
    const [hello] = paused.events;
    const history = historyOf(hello);
    const rows = paused.events.filter(({ event }) => event === "row").map(({ data }) => (data as LiveRow)[0] ?? 0);
    const from = history.length + 1;
    assert.deepEqual(
      rows,
      Array.from(rows, (_, i) => from + i),
      "every row, once, in order",
    );
  });

  void test(`${implementation}: one that reads nothing for long is dropped`, async (t) => {
    const options = { snapshotEveryMs: 2, maxStallMs: 300 };
    const { hub, port } = await started(t, implementation, new NumberedView(500_000), options);
    const client = await SseClient.open(t, port, LIVE_STREAM_PATH);
    client.socket.pause();
    await eventually("it is connected", PATIENCE_MS, () => (hub.clients === 1 ? true : null));
    await eventually("it is dropped", PATIENCE_MS, () => (hub.clients === 0 ? true : null));
    assert.ok(hub.skippedMessages > 0);
  });

  void test(`${implementation}: sixteen at once, the next is told to wait; closing ends them all`, async (t) => {
    const { hub, port, url } = await started(t, implementation, new NumberedView(), { snapshotEveryMs: 20 });
    const clients: SseClient[] = [];
    for (let i = 0; i < MAX_LIVE_CLIENTS; i++) clients.push(await SseClient.open(t, port, LIVE_STREAM_PATH));
    await Promise.all(clients.map((client) => client.of("snapshot", 1)));
    const refused = await fetch(url + LIVE_STREAM_PATH);
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get("retry-after"), "5");
    assert.match(await refused.text(), /As many live pages as are allowed are open/);
    const head = await fetch(url + LIVE_STREAM_PATH, { method: "HEAD" });
    assert.equal(head.status, 503);
    clients[0]?.socket.destroy();
    await eventually("there is a place", PATIENCE_MS, () => (hub.clients < MAX_LIVE_CLIENTS ? true : null));
    const free = await fetch(url + LIVE_STREAM_PATH, { method: "HEAD" });
    assert.equal(free.status, 200);
    await eventually("HEAD takes no place", PATIENCE_MS, () => (hub.clients === MAX_LIVE_CLIENTS - 1 ? true : null));
    const once = (await (await fetch(url + LIVE_PATH)).json()) as { readonly viewers: number };
    assert.equal(once.viewers, MAX_LIVE_CLIENTS - 1);
    hub.close();
    await eventually("all are closed", PATIENCE_MS, () => (hub.clients === 0 ? true : null));
    assert.equal((await fetch(url + LIVE_STREAM_PATH)).status, 503);
  });
}
