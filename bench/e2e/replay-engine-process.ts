/**
 * An engine that costs next to nothing: its answers are rendered once, and before one is sent again only the digits of its
 * event ids are written anew. argv: a ReplayOrder as JSON; tells its parent the URL. One client, one drain at a time.
 */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { RAW_KIND, RawEvent } from "../../src/main/engine/raw-event.ts";
import { Traffic } from "../../src/main/engine/traffic.ts";
import { EventJsonWriter } from "../../src/main/sim/event-json.ts";
import { floodTraffic } from "../support/made-up-events.ts";

export interface ReplayOrder {
  /** Stored events of one block in all; after them every answer is empty. */
  readonly events: number;
}

/** As many as `kvcast sim` puts into an answer. */
const EVENTS_AN_ANSWER = 4096;
/** What goes round; each is some 8 MB. */
const ANSWERS = 8;
/** The first id, and so the number of digits of all. */
const FIRST_ID = 100_000_000;
const ID_DIGITS = 9;
const ID_KEY = '{"event_id":';
const ZERO = 0x30;

interface Rendered {
  readonly body: Buffer;
  /** Where the digits of each id begin. */
  readonly idsAt: readonly number[];
}

/** The next events of the traffic, with ids that all have as many digits. */
function render(traffic: Traffic, kind: "created" | "stored", count: number): Rendered {
  const writer = new EventJsonWriter("v1", 1);
  const raw = new RawEvent();
  for (let i = 0; i < count && traffic.next(raw); i++) {
    if ((raw.kind === RAW_KIND.created) !== (kind === "created")) throw new Error("an event of another kind");
    raw.eventId = FIRST_ID + i;
    writer.add(raw);
  }
  const body = Buffer.concat(writer.finish());
  const idsAt: number[] = [];
  for (let at = body.indexOf(ID_KEY); at >= 0; at = body.indexOf(ID_KEY, at + 1)) idsAt.push(at + ID_KEY.length);
  return { body, idsAt };
}

/** Numbers the first `count` events from `firstId` on; returns where the last of them ends. */
function number({ body, idsAt }: Rendered, firstId: number, count: number): number {
  for (let i = 0; i < count; i++) {
    let rest = firstId + i;
    const start = idsAt[i] ?? 0;
    for (let at = start + ID_DIGITS - 1; at >= start; at--) {
      const tenth = Math.floor(rest / 10);
      body[at] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
  }
  const next = idsAt[count];
  // Without the comma in front of the event that is left out; or without the bracket at the end.
  return next === undefined ? body.length - 1 : next - ID_KEY.length - 1;
}

const order = JSON.parse(process.argv[2] ?? "{}") as ReplayOrder;
const traffic = new Traffic(floodTraffic(1, Infinity));
const created = render(traffic, "created", 1);
const answers = Array.from({ length: ANSWERS }, () => render(traffic, "stored", EVENTS_AN_ANSWER));
const END = Buffer.from("]");
let round = 0;
let left = order.events;
let nextId = FIRST_ID;

function send(response: ServerResponse, rendered: Rendered, count: number): void {
  const body = rendered.body.subarray(0, number(rendered, nextId, count));
  nextId += count;
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": body.length + END.length });
  response.write(body);
  response.end(END);
}

const server = createServer((incoming, response) => {
  incoming.resume();
  const answer = answers[round % ANSWERS];
  if (incoming.url !== "/kv_cache_events" || answer === undefined) {
    response.writeHead(404).end();
  } else if (nextId === FIRST_ID) {
    send(response, created, 1);
  } else if (left === 0) {
    response.writeHead(200, { "Content-Type": "application/json" }).end("[]");
  } else {
    const count = Math.min(left, EVENTS_AN_ANSWER);
    left -= count;
    round++;
    send(response, answer, count);
  }
});
process.on("disconnect", () => process.exit(0));
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
