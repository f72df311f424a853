/**
 * One entry of the list that `GET /metrics` answers: from JSON to an `IterationStat`. MAIN THREAD.
 *
 * The cursor finds where the entry ends, checks its grammar and bounds its nesting; only then it is parsed as a whole,
 * because its fields are many and few rows come.
 */
import { type JsonCursor, MAX_IGNORED_DEPTH } from "../engine/json-cursor.ts";
import { type IterationStat, iterationStatOf } from "./iteration-stat.ts";

/** A row has some 3 KB, and 330 bytes more for each request where the engine lists those. */
export const MAX_ROW_BYTES: number = 1024 * 1024;

export class StatRow {
  /** Null: the entry is not a usable row. */
  stat: IterationStat | null = null;

  reset(): void {
    this.stat = null;
  }
}

/** Takes an entry into `row`. What is wrong with its content makes no fault. */
export function scanRow(cursor: JsonCursor, row: StatRow): void {
  const start = cursor.pos;
  const depth = cursor.skip();
  if (cursor.fault !== null || depth > MAX_IGNORED_DEPTH || cursor.pos - start > MAX_ROW_BYTES) return;
  row.stat = iterationStatOf(JSON.parse(cursor.bytes.toString("utf8", start, cursor.pos)));
}
