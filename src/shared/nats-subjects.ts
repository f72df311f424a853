/**
 * Subjects of the event plane and of the raw encoding. Arithmetic on names, on any thread.
 *
 * Names come from the configuration and could hold anything; a segment of a subject may hold no dot, no wildcard and no
 * space. So all but letters, digits, `_` and `-` is percent-encoded, byte by byte of its UTF-8, as routers expect it.
 */
import type { NatsEncoding, PlanePlace } from "./nats-messages.ts";
import { KV_EVENTS_TOPIC } from "./plane-layout.ts";

const UTF8 = new TextEncoder();

function isPlain(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) || // 0-9
    (byte >= 0x41 && byte <= 0x5a) || // A-Z
    (byte >= 0x61 && byte <= 0x7a) || // a-z
    byte === 0x2d || // -
    byte === 0x5f // _
  );
}

/** One segment of a subject. */
export function subjectSegment(name: string): string {
  let out = "";
  for (const byte of UTF8.encode(name)) {
    out += isPlain(byte) ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}

/** Where messages of a topic of the event plane go: KV events, load. */
export function planeSubject(place: PlanePlace, topic: string): string {
  const { namespace, component, endpoint } = place;
  const segments = [namespace, component, endpoint, topic].map((name) => subjectSegment(name));
  return `namespace.${segments[0]}.component.${segments[1]}.endpoint.${segments[2]}.${segments[3]}`;
}

/** Where the KV events of one attention-DP rank go. */
export function eventSubject(place: PlanePlace, encoding: NatsEncoding, rank: number): string {
  if (encoding === "dynamo") return planeSubject(place, KV_EVENTS_TOPIC);
  return `${rawPrefix(place)}.${place.workerId}.${rank}`;
}

/** What a stream for the KV events of a component has to hold: those of all its workers, so that they can share it. */
export function streamSubject(place: PlanePlace, encoding: NatsEncoding): string {
  return encoding === "dynamo" ? planeSubject(place, KV_EVENTS_TOPIC) : `${rawPrefix(place)}.*.*`;
}

/** The part of `streamSubject` that this worker publishes to. */
export function workerSubject(place: PlanePlace, encoding: NatsEncoding): string {
  return encoding === "dynamo" ? planeSubject(place, KV_EVENTS_TOPIC) : `${rawPrefix(place)}.${place.workerId}.*`;
}

/** Whether everything that matches `subject` matches `pattern` too; both may hold wildcards. */
export function isCovered(pattern: string, subject: string): boolean {
  const have = pattern.split(".");
  const want = subject.split(".");
  for (let i = 0; i < have.length; i++) {
    if (have[i] === ">") return want.length > i;
    if (i >= want.length || want[i] === ">") return false;
    if (have[i] !== "*" && have[i] !== want[i]) return false;
  }
  return have.length === want.length;
}

function rawPrefix({ namespace, component }: PlanePlace): string {
  return `kvcast.${subjectSegment(namespace)}.${subjectSegment(component)}`;
}
