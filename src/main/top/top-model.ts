/** What the terminal view knows of a service, put together from what its stream tells. MAIN THREAD. */
import {
  HISTORY_SECONDS,
  type LiveEvent,
  type LiveHello,
  type LiveMarker,
  type LiveRow,
  type LiveSnapshot,
} from "../../shared/live-snapshot.ts";
import type { LiveMessage } from "./live-stream.ts";
import type { TopState } from "./top-view.ts";

const MAX_EVENTS = 50;
const MAX_MARKERS = 50;

export class TopModel {
  readonly #address: string;
  #service: LiveHello["service"] | null = null;
  #snapshot: LiveSnapshot | null = null;
  #history: readonly LiveRow[] = [];
  #markers: readonly LiveMarker[] = [];
  #tail: readonly LiveEvent[] = [];
  #away: string | null = "connecting …";
  /** What is shown while it is paused. */
  #frozen: TopState | null = null;

  constructor(address: string) {
    this.#address = address;
  }

  take(message: LiveMessage): void {
    this.#away = null;
    switch (message.type) {
      case "hello":
        this.#service = message.hello.service;
        this.#history = message.hello.history.slice(-HISTORY_SECONDS);
        this.#markers = message.hello.markers.slice(-MAX_MARKERS);
        this.#tail = message.hello.tail.slice(-MAX_EVENTS);
        return;
      case "row":
        this.#history = [...this.#history, message.row].slice(-HISTORY_SECONDS);
        return;
      case "snapshot": {
        const { snapshot } = message;
        const last = this.#markers.at(-1)?.id ?? -1;
        this.#snapshot = snapshot;
        this.#markers = [...this.#markers, ...snapshot.markers.filter(({ id }) => id > last)].slice(-MAX_MARKERS);
        this.#tail = [...this.#tail, ...snapshot.tail.events].slice(-MAX_EVENTS);
      }
    }
  }

  /** The connection is gone, or was refused. */
  lost(reason: string): void {
    this.#away = `trying again: ${reason}`;
  }

  togglePause(): void {
    this.#frozen = this.#frozen === null ? this.#now(true) : null;
  }

  /** While it is paused what was there, but for whether the service is away. */
  get state(): TopState {
    return this.#frozen === null ? this.#now(false) : { ...this.#frozen, away: this.#away };
  }

  #now(paused: boolean): TopState {
    return {
      address: this.#address,
      service: this.#service,
      snapshot: this.#snapshot,
      history: this.#history,
      markers: this.#markers,
      tail: this.#tail,
      paused,
      away: this.#away,
    };
  }
}
