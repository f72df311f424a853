/** The live page: hands what is heard to the parts that show it. BROWSER, entry of the page. */
import type { LiveSnapshot } from "../shared/live-snapshot.ts";
import { CacheView } from "./cache-view.ts";
import { ChartsView } from "./charts-view.ts";
import { ChecksView } from "./checks-view.ts";
import { ConfigView } from "./config-view.ts";
import { connect } from "./connect.ts";
import { byId } from "./dom.ts";
import type { FeedMessage } from "./feed.ts";
import { FlowView } from "./flow-view.ts";
import { HeadView } from "./head-view.ts";
import { MarkersView } from "./markers-view.ts";
import { RequestsView } from "./requests-view.ts";
import { TailView } from "./tail-view.ts";
import { startTheme } from "./theme.ts";

const head = new HeadView();
const flow = new FlowView();
const charts = new ChartsView();
const checks = new ChecksView();
const markers = new MarkersView();
const cache = new CacheView();
const tail = new TailView();
const config = new ConfigView();

function showSnapshot(snapshot: LiveSnapshot): void {
  head.show(snapshot);
  flow.show(snapshot.stages);
  checks.show(snapshot.checks);
  cache.show(snapshot.engines);
  if (markers.add(snapshot.markers)) charts.draw(markers.known);
  // Counts up by one a snapshot: a sign of life for whoever looks from outside.
  document.body.dataset["ticks"] = String(Number(document.body.dataset["ticks"] ?? 0) + 1);
}

/** Only the newest is drawn, and only when the browser draws. */
let waiting: LiveSnapshot | null = null;

function draw(): void {
  if (waiting !== null) showSnapshot(waiting);
  waiting = null;
}

function onMessage(message: FeedMessage): void {
  switch (message.type) {
    case "hello":
      head.hello(message.hello);
      config.hello(message.hello);
      markers.reset(message.hello.markers);
      charts.hello(message.hello, markers.known);
      tail.reset(message.hello.tail);
      return;
    case "row":
      charts.add(message.row, markers.known);
      return;
    case "snapshot":
      tail.show(message.snapshot.tail);
      if (waiting === null) requestAnimationFrame(draw);
      waiting = message.snapshot;
      return;
    case "status":
      head.setReason(message.reason);
  }
}

const nextTheme = startTheme(() => charts.restyle());
const help = byId("help");

function openHelp(): void {
  if (help instanceof HTMLDialogElement && !help.open) help.showModal();
}

byId("help-open").addEventListener("click", openHelp);
document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof HTMLInputElement && event.target.type !== "checkbox";
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  if (key === "p") tail.toggle();
  else if (key === "t") nextTheme();
  else if (key === "d") config.toggle();
  else if (key === "?") openHelp();
});
new RequestsView().start();
connect(onMessage);
