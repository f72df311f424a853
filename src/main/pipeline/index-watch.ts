/**
 * Notices an index thread that hangs: a slot waits for it far longer than for any work it does. MAIN THREAD; a judge without
 * powers, the thread's keeper acts on what it says. Time counts only between looks that came when they were due.
 */
import type { RingMemory } from "../../shared/ring-memory.ts";
import { Looks } from "./thread-deaths.ts";

/** How often it is looked whether the thread still takes slots. */
const LOOK_EVERY_MS = 250;
/**
 * A thread that leaves a slot waiting for so long hangs, and would in the end hold up publishing. Nothing that it does for a
 * slot, or between two, comes near that: it waits for the disk as for anything else, and takes slots meanwhile.
 */
const HANGS_AFTER_MS = 5000;
export class IndexWatch {
  readonly #memory: RingMemory;
  readonly #onHang: () => void;
  #looks: Looks = new Looks(LOOK_EVERY_MS);
  /** Null while no thread is watched. */
  #timer: NodeJS.Timeout | null = null;
  #seenTail: number = 0;
  #stuckMs: number = 0;
  #hung: boolean = false;

  /** `onHang` is called once in a thread's life. */
  constructor(memory: RingMemory, onHang: () => void) {
    this.#memory = memory;
    this.#onHang = onHang;
  }

  /** Whether the thread that is watched, or was last, was found to hang. */
  get hung(): boolean {
    return this.#hung;
  }

  /** A thread's life begins. */
  begin(): void {
    this.#looks = new Looks(LOOK_EVERY_MS);
    this.#looks.look(performance.now());
    this.#stuckMs = 0;
    this.#hung = false;
    this.#timer = setInterval(() => this.#look(performance.now()), LOOK_EVERY_MS).unref();
  }

  /** It has ended. */
  end(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #look(nowMs: number): void {
    const sinceLastMs = this.#looks.look(nowMs);
    const tail = this.#memory.freeTail();
    const isStuck = tail === this.#seenTail && tail !== this.#memory.fedTail();
    this.#seenTail = tail;
    this.#stuckMs = isStuck && sinceLastMs !== null ? this.#stuckMs + sinceLastMs : 0;
    if (this.#stuckMs < HANGS_AFTER_MS || this.#hung) return;
    this.#hung = true;
    this.#onHang();
  }
}
