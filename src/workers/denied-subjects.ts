/**
 * Subjects to which a server of NATS lets nothing be published. PUBLISHER THREAD; pure.
 *
 * A server says which subject it refused, and never which message: refusals are kept until a barrier shows what they were about. And
 * rights change while a connection lasts: once in a while one message may try.
 */
export class DeniedSubjects {
  readonly #holdMs: number;
  /** When the next message may try. */
  readonly #untilMs: Map<string, number> = new Map();
  /** Refusals that have not been matched with messages yet. */
  readonly #refusals: Map<string, number> = new Map();

  /** `holdMs`: between two messages that try. */
  constructor(holdMs: number) {
    this.#holdMs = holdMs;
  }

  /** The server refused a message. True: it had not refused that subject before. */
  refused(subject: string, nowMs: number): boolean {
    const isNews = !this.#untilMs.has(subject);
    this.#refusals.set(subject, (this.#refusals.get(subject) ?? 0) + 1);
    this.#untilMs.set(subject, nowMs + this.#holdMs);
    return isNews;
  }

  /** Whether a message would be refused. If it is time to try again, this one may, and the next may not. */
  has(subject: string, nowMs: number): boolean {
    const untilMs = this.#untilMs.get(subject);
    if (untilMs === undefined) return false;
    if (nowMs < untilMs) return true;
    this.#untilMs.set(subject, nowMs + this.#holdMs);
    return false;
  }

  /** A message got through. */
  allow(subject: string): void {
    this.#untilMs.delete(subject);
  }

  get hasRefusals(): boolean {
    return this.#refusals.size > 0;
  }

  /** Matches one refusal of the subject with a message; false: there is none left. */
  takeRefusal(subject: string): boolean {
    const left = this.#refusals.get(subject) ?? 0;
    if (left === 0) return false;
    this.#refusals.set(subject, left - 1);
    return true;
  }

  clearRefusals(): void {
    this.#refusals.clear();
  }

  /** A new connection may have other rights. */
  clear(): void {
    this.#refusals.clear();
    this.#untilMs.clear();
  }
}
