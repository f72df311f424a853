/**
 * Chooses the one attention window, and on newer engines the one layer group, whose events are published. MAIN THREAD.
 *
 * An engine with several windows or layer groups announces each block once for each of them; subscribers want to hear
 * of a block once. The largest window is the one that decides whether a prefix can be reused.
 *
 *  - `created` events teach the windows, and from the first of them on everything else is filtered.
 *  - Without such an announcement the largest window of the traffic counts, and rises with it.
 *  - A `created` after traffic begins a new lesson: its first window replaces what was known, the next ones raise it.
 *  - Among layer groups of equal windows the lowest id counts when announced, the first one seen otherwise.
 *  - What says nothing about its window or group is kept.
 */
import type { WindowState } from "../../shared/index-messages.ts";
import { ABSENT } from "../engine/raw-event.ts";

export class WindowFilter {
  /** The window whose events are kept; ABSENT while none is known. */
  windowSize: number = ABSENT;
  /** The layer group whose events are kept; ABSENT while none is known. */
  layerGroup: number = ABSENT;
  /** True when the window comes from the traffic instead of an announcement. */
  adopted: boolean = false;
  #learning: boolean = true;
  #replaceNext: boolean = false;

  reset(): void {
    this.windowSize = ABSENT;
    this.layerGroup = ABSENT;
    this.adopted = false;
    this.#learning = true;
    this.#replaceNext = false;
  }

  /** What `restore` makes another filter go on with. */
  state(): WindowState {
    const { windowSize, layerGroup, adopted } = this;
    return { windowSize, layerGroup, adopted, learning: this.#learning, replaceNext: this.#replaceNext };
  }

  restore({ windowSize, layerGroup, adopted, learning, replaceNext }: WindowState): void {
    this.windowSize = windowSize;
    this.layerGroup = layerGroup;
    this.adopted = adopted;
    this.#learning = learning;
    this.#replaceNext = replaceNext;
  }

  /** Learns from a `created` event. */
  learn(windowSize: number, layerGroup: number): void {
    if (!this.#learning) {
      this.#learning = true;
      this.#replaceNext = true;
    }
    if (windowSize === ABSENT) return;
    if (this.#replaceNext || windowSize > this.windowSize) {
      this.#replaceNext = false;
      this.adopted = false;
      this.windowSize = windowSize;
      this.layerGroup = layerGroup;
    } else if (windowSize === this.windowSize && layerGroup !== ABSENT) {
      if (this.layerGroup === ABSENT || layerGroup < this.layerGroup) this.layerGroup = layerGroup;
    }
  }

  /** Whether a stored or removed event is to be kept. One that is kept ends the lesson. */
  admits(windowSize: number, layerGroup: number): boolean {
    if (windowSize !== this.windowSize && windowSize !== ABSENT) {
      if (this.windowSize !== ABSENT && !(this.adopted && windowSize > this.windowSize)) return false;
      this.adopted = true;
      this.windowSize = windowSize;
      this.layerGroup = layerGroup;
    } else if (layerGroup !== this.layerGroup && layerGroup !== ABSENT) {
      if (this.layerGroup !== ABSENT) return false;
      if (windowSize !== ABSENT) this.layerGroup = layerGroup;
    }
    this.#learning = false;
    this.#replaceNext = false;
    return true;
  }
}
