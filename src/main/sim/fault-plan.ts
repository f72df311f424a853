/**
 * Which fault hits what, and when. MAIN THREAD.
 *
 * Drawn from the seed: events and answers have generators of their own, so how often someone asks does not change which
 * events are missing.
 */
import { Random } from "../engine/random.ts";
import {
  type AnswerFault,
  type Fault,
  type FaultWindow,
  type GapFault,
  isStateFault,
  type StateFault,
  type StateFaultKind,
} from "./sim-config.ts";

export class FaultPlan {
  readonly #eventDice: Random;
  readonly #answerDice: Random;
  readonly #elapsedMs: () => number;
  #gaps: readonly GapFault[] = [];
  #answers: readonly AnswerFault[] = [];
  #states: readonly StateFault[] = [];

  /** `elapsedMs` is the time since the start, which the windows of faults refer to. */
  constructor(seed: number, faults: readonly Fault[], elapsedMs: () => number) {
    this.#eventDice = new Random(seed + 1);
    this.#answerDice = new Random(seed + 2);
    this.#elapsedMs = elapsedMs;
    this.set(faults);
  }

  /** Replaces all faults but restarts, which belong to the traffic. */
  set(faults: readonly Fault[]): void {
    this.#gaps = faults.filter((fault) => fault.kind === "gap");
    this.#states = faults.filter(isStateFault);
    this.#answers = faults.filter(isAnswerFault);
  }

  /** Whether the engine as a whole is in that state now. */
  is(kind: StateFaultKind): boolean {
    return this.#states.some((fault) => fault.kind === kind && this.#isOn(fault));
  }

  /** Whether the next event is to be lost. */
  losesEvent(): boolean {
    for (const gap of this.#gaps) if (this.#isOn(gap) && this.#eventDice.fraction() < gap.share) return true;
    return false;
  }

  /** The first fault that hits the next answer of a route; null for none. */
  forAnswer(route: string): AnswerFault | null {
    for (const fault of this.#answers) {
      const concerned = fault.route === route || fault.route === "/*";
      if (concerned && this.#isOn(fault) && this.#answerDice.fraction() < fault.share) return fault;
    }
    return null;
  }

  /** One of `count` variants of a fault, evenly. */
  variant(count: number): number {
    return Math.floor(this.#answerDice.fraction() * count);
  }

  /** Random bytes for a garbage answer. */
  noise(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.#answerDice.next() & 0xff));
  }

  #isOn(window: FaultWindow): boolean {
    const now = this.#elapsedMs();
    return now >= window.fromMs && now < window.untilMs;
  }
}

function isAnswerFault(fault: Fault): fault is AnswerFault {
  return fault.kind !== "gap" && fault.kind !== "restart-at" && !isStateFault(fault);
}
