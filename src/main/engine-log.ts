/** The log of one engine: every line names it. MAIN THREAD. */
import type { LineLogger, LogFields } from "./log.ts";

/** Writes to `log`, with the engine's name in front of the fields of each line. */
export function engineLog(log: LineLogger, engine: string): LineLogger {
  const withName = (fields: LogFields | undefined): LogFields => ({ engine, ...fields });
  return {
    trace: (msg, fields) => log.trace(msg, withName(fields)),
    debug: (msg, fields) => log.debug(msg, withName(fields)),
    info: (msg, fields) => log.info(msg, withName(fields)),
    warn: (msg, fields) => log.warn(msg, withName(fields)),
    error: (msg, fields) => log.error(msg, withName(fields)),
  };
}
