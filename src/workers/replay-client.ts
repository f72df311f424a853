/**
 * One client of the replay socket: what it is still owed, and whether its queue takes it. PUBLISHER THREAD.
 *
 * Requests of a client are answered one after the other, as it asked. A full queue is tried again after a pause that grows,
 * because a refusal costs as much as a message.
 */
import type { ReplayFraming } from "../shared/zmq-wire.ts";
import type { Answer, AnswerPart, ReplayOutcome } from "./replay-answer.ts";
import { endFrames } from "./replay-protocol.ts";

/** Requests that may wait behind the one that is being answered; beyond, only their end markers are owed. */
const MAX_WAITING = 16;
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 250;
/** From this pause on the client is one that stands still. */
const STALLED_PAUSE_MS = 16;

/** An answer that is over. */
export interface EndedAnswer {
  readonly outcome: ReplayOutcome;
  /** From the request to the end marker; null when that was not sent. */
  readonly durationMs: number | null;
}

interface Request {
  readonly answer: Answer;
  readonly askedMs: number;
}

export class ReplayClient {
  readonly identity: Buffer;
  readonly #framing: ReplayFraming;
  /** The first is being answered. */
  readonly #requests: Request[] = [];
  /** End markers of requests too many, which come after all answers. */
  #owedEnds: number = 0;
  #lastProgressMs: number = 0;
  #pauseMs: number = 0;
  #tryAgainMs: number = 0;
  #isExpired: boolean = false;

  constructor(identity: Buffer, framing: ReplayFraming) {
    this.identity = identity;
    this.#framing = framing;
  }

  /** It has taken nothing for too long, and gets nothing but end markers. */
  get isExpired(): boolean {
    return this.#isExpired;
  }

  /** Its queue has been full for a while. */
  get isStalled(): boolean {
    return this.#pauseMs >= STALLED_PAUSE_MS;
  }

  /** Nothing is owed. */
  get isDone(): boolean {
    return this.#requests.length === 0 && this.#owedEnds === 0;
  }

  /** Takes a request. False: one too many; only its end marker is owed, `makeAnswer` is not called. */
  ask(makeAnswer: () => Answer, nowMs: number): boolean {
    if (this.isDone) this.#lastProgressMs = nowMs;
    if (this.#isExpired || this.#owedEnds > 0 || this.#requests.length > MAX_WAITING) {
      this.#owedEnds++;
      return false;
    }
    this.#requests.push({ answer: makeAnswer(), askedMs: nowMs });
    return true;
  }

  /** The next message, if there is one and it is time to offer it. */
  next(nowMs: number): readonly Buffer[] | null {
    if (nowMs < this.#tryAgainMs) return null;
    const request = this.#requests[0];
    if (request !== undefined) return request.answer.next();
    return this.#owedEnds > 0 ? endFrames(this.#framing) : null;
  }

  /** The queue took the message that `next` gave. Returns what it was, and the answer that it ended. */
  accepted(nowMs: number): { readonly part: AnswerPart; readonly ended: EndedAnswer | null } {
    this.#lastProgressMs = nowMs;
    this.#pauseMs = 0;
    const request = this.#requests[0];
    if (request === undefined) {
      this.#owedEnds--;
      return { part: "end", ended: null };
    }
    const part = request.answer.accepted();
    if (part !== "end") return { part, ended: null };
    this.#requests.shift();
    return { part, ended: { outcome: request.answer.outcome, durationMs: nowMs - request.askedMs } };
  }

  /** The queue was full. */
  refused(nowMs: number): void {
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2));
    this.#tryAgainMs = nowMs + this.#pauseMs;
  }

  /** Gives up on the client when it has taken nothing for `expiryMs`. */
  expire(nowMs: number, expiryMs: number): void {
    if (this.#isExpired || this.isDone || nowMs - this.#lastProgressMs < expiryMs) return;
    this.#isExpired = true;
    for (const { answer } of this.#requests) answer.cutShort();
  }

  /** There is no such client any more, or none that can be waited for. Returns the answers that it was owed. */
  abandon(): readonly EndedAnswer[] {
    const owed = this.#requests.map(({ answer }) => {
      if (!this.#isExpired) answer.abandon();
      return { outcome: answer.outcome, durationMs: null };
    });
    this.#requests.length = 0;
    this.#owedEnds = 0;
    return owed;
  }
}
