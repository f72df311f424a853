/**
 * Turns what the normaliser notices into log lines. MAIN THREAD.
 *
 * At most one line per engine and kind of notice in ten seconds: an engine that sends nonsense must not fill a disk. The
 * counters have the exact numbers.
 */
import type { LogFields, Logger } from "./log.ts";
import type { Notice } from "./normalise/notice.ts";

/** The function that logs the notices of one engine. */
export function noticeLog(log: Logger, engine: string): (notice: Notice) => void {
  return (notice) => {
    const { code } = notice;
    const { level, text } = LINES[code];
    log.limited(`notice ${engine} ${code}`)[level](text, { engine, ...fieldsOf(notice) });
  };
}

const LINES: Readonly<Record<Notice["code"], { level: "debug" | "info" | "warn"; text: string }>> = {
  id_gap: {
    level: "warn",
    text: "engine event ids are missing: the engine's buffer overflowed, or someone else drains it",
  },
  restart: { level: "warn", text: "the engine began to count anew: it was restarted" },
  out_of_order: { level: "warn", text: "an engine event came late and was published" },
  duplicate: { level: "debug", text: "an engine event came twice and was dropped" },
  salt_conflict: { level: "warn", text: "event dropped: its blocks have different cache salts" },
  block_too_large: { level: "warn", text: "event dropped: a block holds more tokens than --kv-block-size" },
  mm_key: { level: "warn", text: "event dropped: its multimodal content cannot be published" },
  window_adopted: {
    level: "warn",
    text: "the engine announced no attention window: the largest one of its events is taken",
  },
  unknown_rank: {
    level: "warn",
    text: "events of an attention-DP rank beyond --attention-dp-size are published: is it too small?",
  },
  rank_left_out: {
    level: "warn",
    text: "events of an attention-DP rank beyond --attention-dp-size are left out: its number is another engine's",
  },
  invalid: { level: "warn", text: "event dropped: it is malformed" },
};

/** A notice without its code, in the field names of the log; all of it is flat and free of prompts. */
function fieldsOf(notice: Notice): LogFields {
  const { code: _code, ...fields } = notice;
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [snakeCase(name), value]));
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
