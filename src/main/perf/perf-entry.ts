/**
 * One entry of the list that `GET /perf_metrics` answers: from JSON to records. MAIN THREAD.
 *
 * Request ids are u64 and get lost in a plain parse, and the time of every single step (`time_breakdown_metrics`) may make an
 * entry a thousand times as long as what is needed of it. So the cursor walks the entry: ids are taken from their digits, one
 * object is parsed, and the rest is passed over.
 */
import { CLOSE_BRACE, type JsonCursor, MAX_IGNORED_DEPTH, OPEN_BRACE } from "../engine/json-cursor.ts";
import { isNumberStart, QUOTE } from "../engine/json-lexer.ts";
import type { Scratch } from "../engine/list-scanner.ts";
import { perfMetricsOf, type PerfFault, type PerfRecord } from "./perf-record.ts";

/** `perf_metrics` has some 700 bytes; a multiple of it is nothing that an engine sends. */
export const MAX_METRICS_BYTES: number = 16 * 1024;
const MAX_METRICS_DEPTH = 8;
const MAX_KEY_BYTES = 32;
const PLAIN_ID = /^[\w.:-]{1,64}$/;

export class PerfEntry implements Scratch {
  /** One; two when an orchestrator tells of both halves of a request; none when something is wrong. */
  readonly records: PerfRecord[] = [];
  /** What is wrong with it, or with each of its halves. */
  readonly faults: PerfFault[] = [];

  reset(): void {
    this.records.length = 0;
    this.faults.length = 0;
  }
}

/** What stands in an entry, not yet looked at. `undefined`: no such key. */
interface Found {
  requestId?: string | null;
  contextRequestId?: string | null;
  metrics?: Range | null;
  context?: Found | null;
  generation?: Found | null;
  /** It has the form of an orchestrator's entry. */
  hasHalves: boolean;
  tooDeep: boolean;
}

interface Range {
  readonly start: number;
  readonly end: number;
  readonly depth: number;
}

/** Takes an entry into `entry`. What is wrong with its content makes no fault of the body. */
export function scanPerfEntry(cursor: JsonCursor, entry: PerfEntry): void {
  const found = takeEntry(cursor, true);
  // An entry that has not arrived in full, or is no JSON: nothing in it counts.
  if (cursor.fault !== null) return;
  if (found === null) entry.faults.push("not_object");
  else if (!found.hasHalves) addRecord(cursor, found, "whole", entry);
  else {
    // A request that never came to the other server has a null there.
    if (found.context) addRecord(cursor, found.context, "context", entry);
    if (found.generation) addRecord(cursor, found.generation, "generation", entry);
    if (!found.context && !found.generation) entry.faults.push("no_metrics");
  }
}

function takeEntry(cursor: JsonCursor, mayHaveHalves: boolean): Found | null {
  if (cursor.peek() !== OPEN_BRACE) {
    cursor.skip();
    return null;
  }
  const found: Found = { hasHalves: false, tooDeep: false };
  if (!cursor.enter(CLOSE_BRACE)) return found;
  do {
    takeMember(cursor, found, mayHaveHalves);
  } while (cursor.more(CLOSE_BRACE));
  return found;
}

/** Of a key that comes twice the first counts. */
function takeMember(cursor: JsonCursor, found: Found, mayHaveHalves: boolean): void {
  cursor.key();
  const name = cursor.end - cursor.start <= MAX_KEY_BYTES ? cursor.text() : "";
  if (name === "request_id" && found.requestId === undefined) found.requestId = takeId(cursor);
  else if (name === "ctx_request_id" && found.contextRequestId === undefined) found.contextRequestId = takeId(cursor);
  else if (name === "perf_metrics" && found.metrics === undefined) found.metrics = takeRange(cursor);
  else if (mayHaveHalves && name === "ctx_perf_metrics" && found.context === undefined) {
    found.hasHalves = true;
    found.context = takeEntry(cursor, false);
  } else if (mayHaveHalves && name === "gen_perf_metrics" && found.generation === undefined) {
    found.hasHalves = true;
    found.generation = takeEntry(cursor, false);
  } else if (cursor.skip() > MAX_IGNORED_DEPTH) found.tooDeep = true;
}

/** Takes an id as text; null for anything that is none. */
function takeId(cursor: JsonCursor): string | null {
  const byte = cursor.peek();
  if (isNumberStart(byte)) {
    cursor.number();
    if (!cursor.integer || !cursor.fits || cursor.negative) return null;
    return cursor.bytes.toString("latin1", cursor.start, cursor.end);
  }
  if (byte !== QUOTE) {
    cursor.skip();
    return null;
  }
  cursor.string();
  const text = cursor.text();
  return PLAIN_ID.test(text) ? text : null;
}

function takeRange(cursor: JsonCursor): Range | null {
  if (cursor.peek() !== OPEN_BRACE) {
    cursor.skip();
    return null;
  }
  const start = cursor.pos;
  const depth = cursor.skip();
  return { start, end: cursor.pos, depth };
}

function addRecord(cursor: JsonCursor, found: Found, part: PerfRecord["part"], entry: PerfEntry): void {
  const record = recordOf(cursor, found, part);
  if (typeof record === "string") entry.faults.push(record);
  else entry.records.push(record);
}

function recordOf(cursor: JsonCursor, found: Found, part: PerfRecord["part"]): PerfRecord | PerfFault {
  const { requestId, contextRequestId = null, metrics } = found;
  if (found.tooDeep) return "too_deep";
  if (requestId === undefined || requestId === null) return "request_id";
  if (metrics === undefined || metrics === null) return "no_metrics";
  if (metrics.end - metrics.start > MAX_METRICS_BYTES) return "too_large";
  if (metrics.depth > MAX_METRICS_DEPTH) return "too_deep";
  const parsed = perfMetricsOf(JSON.parse(cursor.bytes.toString("utf8", metrics.start, metrics.end)));
  return typeof parsed === "string" ? parsed : { requestId, contextRequestId, part, ...parsed };
}
