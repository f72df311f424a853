/**
 * Reads an engine's steady clock: `GET /steady_clock_offset`. MAIN THREAD.
 *
 * Never POST, which would shift the clock for everyone. The engine waits for a fifth of a second between its two readings, so
 * it is asked seldom.
 */
import { objectOf } from "../../shared/json-object.ts";
import type { EngineCredentials, HttpEngineConfig } from "../config/config.ts";
import { JsonFetcher } from "../engine/json-fetcher.ts";
import type { ClockReading } from "./clock-calibration.ts";

export class ClockReader {
  readonly #fetcher: JsonFetcher;

  constructor(config: HttpEngineConfig) {
    this.#fetcher = new JsonFetcher(config, "steady_clock_offset");
  }

  /** Null where the engine gives none. */
  async read(): Promise<ClockReading | null> {
    const { value, sentMs, receivedMs } = await this.#fetcher.fetch();
    const { receive_ts: engineReceipt, transmit_ts: engineAnswer } = objectOf(value);
    if (typeof engineReceipt !== "number" || typeof engineAnswer !== "number") return null;
    return { sentMs, receivedMs, engineReceipt, engineAnswer };
  }

  renew(credentials: EngineCredentials): void {
    this.#fetcher.renew(credentials);
  }

  close(): void {
    this.#fetcher.close();
  }
}
