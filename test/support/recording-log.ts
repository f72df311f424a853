/** A log that keeps its lines. */
import type { LineLogger } from "../../src/main/log.ts";

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class RecordingLog implements LineLogger {
  readonly lines: LogLine[] = [];

  trace: LineLogger["trace"] = (msg, fields = {}) => this.#add("trace", msg, fields);
  debug: LineLogger["debug"] = (msg, fields = {}) => this.#add("debug", msg, fields);
  info: LineLogger["info"] = (msg, fields = {}) => this.#add("info", msg, fields);
  warn: LineLogger["warn"] = (msg, fields = {}) => this.#add("warn", msg, fields);
  error: LineLogger["error"] = (msg, fields = {}) => this.#add("error", msg, fields);

  /** Lines of a level, or all. */
  of(level: string): LogLine[] {
    return this.lines.filter((line) => line.level === level);
  }

  #add(level: string, msg: string, fields: LogLine["fields"]): void {
    this.lines.push({ level, msg, fields });
  }
}
