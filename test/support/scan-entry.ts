/** Single entries through the scanner, and short ways to write them. */
import assert from "node:assert/strict";
import type { InvalidReason } from "../../src/main/engine/raw-event.ts";
import type { EventBody, EventView } from "./event-oracle.ts";
import { scanText } from "./scan-body.ts";

/** The one event of a body with this entry. */
export function scanOne(entry: string): EventView {
  const { events, error } = scanText(`[${entry}]`);
  assert.equal(error, null);
  assert.equal(events.length, 1);
  const [event] = events;
  assert.ok(event !== undefined);
  return event;
}

/** The content of an event that has no defect. */
export function bodyOf(entry: string): EventBody {
  const { head, body } = scanOne(entry);
  assert.equal(head.defect, null, entry);
  assert.ok(body !== null);
  return body;
}

export type DefectCase = readonly [entry: string, defect: InvalidReason | null];

export function assertDefects(cases: readonly DefectCase[]): void {
  for (const [entry, defect] of cases) assert.equal(scanOne(entry).head.defect, defect, entry);
}

/** An entry that stores `blocks`, with more members of `data` behind them. */
export function stored(blocks: string, more: string = ""): string {
  return `{"event_id":1,"data":{"type":"stored","parent_hash":null,"blocks":${blocks}${more}}}`;
}

/** An entry that removes these hashes. */
export function removed(hashes: string): string {
  return `{"event_id":1,"data":{"type":"removed","block_hashes":[${hashes}]}}`;
}

export function block(tokens: string, more: string = ""): string {
  return `{"block_hash":5,"tokens":${tokens}${more}}`;
}

/** Brackets in brackets. */
export function nested(depth: number): string {
  return "[".repeat(depth) + "]".repeat(depth);
}
