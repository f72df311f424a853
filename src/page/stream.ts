/**
 * One stream for all tabs of a browser. BROWSER, shared worker.
 *
 * A browser opens six connections to a host and no more: a seventh tab with a stream of its own would wait for ever. So tabs share
 * this worker's. Hidden tabs take leave; when nobody looks the stream is closed, and costs the service nothing.
 */
import { Feed, type FeedMessage } from "./feed.ts";
import type { TabMessage } from "./tab-messages.ts";

/** A tab says so every ten seconds that it is there; one that crashed does not. */
const MAX_SILENCE_MS = 40_000;

const tabs = new Map<MessagePort, number>();
const feed = new Feed((message) => {
  for (const port of tabs.keys()) port.postMessage(message);
});

function leave(port: MessagePort): void {
  tabs.delete(port);
  if (tabs.size === 0) feed.stop();
}

function onTab(port: MessagePort, message: TabMessage): void {
  if (message === "leave") {
    leave(port);
    return;
  }
  const isNew = !tabs.has(port);
  tabs.set(port, performance.now());
  if (!isNew) return;
  feed.start();
  feed.catchUp((past: FeedMessage) => port.postMessage(past));
}

addEventListener("connect", (event) => {
  const port = event instanceof MessageEvent ? event.ports[0] : undefined;
  if (port === undefined) return;
  port.addEventListener("message", ({ data }: MessageEvent<TabMessage>) => onTab(port, data));
  port.start();
});

setInterval(() => {
  const oldest = performance.now() - MAX_SILENCE_MS;
  for (const [port, heardMs] of tabs) if (heardMs < oldest) leave(port);
}, 10_000);
