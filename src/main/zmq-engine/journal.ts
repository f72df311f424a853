/**
 * What the log hears of an engine that publishes itself. MAIN THREAD.
 *
 * At most one line of a kind in ten seconds for each engine: the counters have the exact numbers. Lines name numbers, ranks
 * and reasons, never what stood in an event.
 */
import { engineLog } from "../engine-log.ts";
import type { LineLogger, Logger } from "../log.ts";
import { type HandshakeRefusal, refusalText } from "../tail/handshake-refusal.ts";
import type { GapItem } from "../tail/stream-items.ts";

export class Journal {
  readonly #log: Logger;
  readonly #engine: string;

  constructor(log: Logger, engine: string) {
    this.#log = log;
    this.#engine = engine;
  }

  connection(endpoint: string, connected: boolean): void {
    if (connected) this.#limited(`up ${endpoint}`).info("connected to the engine's publisher", { endpoint });
    else this.#limited(`down ${endpoint}`).warn("the connection to the engine's publisher is lost", { endpoint });
  }

  refusedUs(endpoint: string, refusal: HandshakeRefusal, hasKeys: boolean): void {
    const text = "the engine's publisher does not let this subscriber in";
    this.#limited(`handshake ${endpoint}`).warn(text, { endpoint, ...refusalText(refusal, hasKeys) });
  }

  gap({ from, to, healed, reason }: GapItem, endpoint: string): void {
    if (healed) {
      this.#limited("healed").info("messages of the engine that were missing came by replay", { endpoint, from, to });
    } else {
      const text = "messages of the engine are missing: blocks of its ranks may be believed that are not there";
      this.#limited("lost").warn(text, { endpoint, from, to, reason });
    }
  }

  /** It published before we came, and that cannot be had. */
  lateStart(endpoint: string, { to, reason }: GapItem): void {
    this.#limited("late").info("the engine has published before: blocks that it holds from then are not known", {
      endpoint,
      first_sequence: to + 1,
      reason,
    });
  }

  restart(endpoint: string, sequence: number, expected: number): void {
    const text = "the engine began to number its messages anew: it was restarted";
    this.#limited("restart").warn(text, { endpoint, sequence, expected });
  }

  refused(reason: string, sequence: number | null, detail: string): void {
    this.#limited(`refused ${reason}`).warn("a message of the engine was refused", { reason, sequence, detail });
  }

  invalid(reason: string, rank: number, facts: Readonly<Record<string, number>>): void {
    this.#limited(`invalid ${reason}`).warn("event dropped: it is malformed", { reason, rank, ...facts });
  }

  unknownRank(rank: number, isPublished: boolean): void {
    const text = isPublished
      ? "events of an attention-DP rank beyond --attention-dp-size are published: is it too small?"
      : "events of an attention-DP rank beyond --attention-dp-size are left out: its number is another engine's";
    this.#limited("unknown rank").warn(text, { rank });
  }

  #limited(key: string): LineLogger {
    return engineLog(this.#log.limited(`zmq ${this.#engine} ${key}`), this.#engine);
  }
}
