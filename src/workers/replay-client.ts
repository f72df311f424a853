/**
 * One client of the replay socket: what it is still owed, whether its queue takes it, and what that may hold. PUBLISHER THREAD.
 *
 * Requests of a client are answered one after the other, as it asked. A full queue is tried again after a pause that grows,
 * because a refusal costs as much as a message.
 *
 * A ROUTER tells nobody how full a queue is. But what it took last but so many messages must have left, or there would have
 * been no room for the last: so the queue holds at most the last few that were accepted.
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
/** Changes of framing among owed end markers that are remembered; nobody but an attacker has more than a few. */
const MAX_OWED_RUNS = 1024;

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

/** End markers in a row that look the same. */
interface OwedEnds {
  readonly framing: ReplayFraming;
  count: number;
}

export class ReplayClient {
  readonly identity: Buffer;
  /** The first is being answered. */
  readonly #requests: Request[] = [];
  /** End markers of requests too many, which come after all answers, in the order of the requests. */
  readonly #owedEnds: OwedEnds[] = [];
  /** Most messages that its queue may hold. */
  readonly #maxHeld: number;
  /** Bytes of the last messages that its queue took, that many at most, and their sum. */
  readonly #taken: number[] = [];
  #heldBytes: number = 0;
  #lastProgressMs: number = 0;
  #pauseMs: number = 0;
  #tryAgainMs: number = 0;
  #isExpired: boolean = false;

  constructor(identity: Buffer, maxHeld: number) {
    this.identity = identity;
    this.#maxHeld = maxHeld;
  }

  /** Bytes that its queue may hold. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** It has answers to come, and not end markers only. */
  get isServed(): boolean {
    return this.#requests.length > 0;
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
    return this.#requests.length === 0 && this.#owedEnds.length === 0;
  }

  /**
   * Takes a request. False: one too many, or there is nobody to answer it (`makeAnswer` is null); only its end marker, of this
   * framing, is owed.
   */
  ask(makeAnswer: (() => Answer) | null, framing: ReplayFraming, nowMs: number): boolean {
    if (this.isDone) this.#lastProgressMs = nowMs;
    const isTooMany = this.#isExpired || this.#owedEnds.length > 0 || this.#requests.length > MAX_WAITING;
    if (makeAnswer === null || isTooMany) {
      this.#oweEnd(framing);
      return false;
    }
    this.#requests.push({ answer: makeAnswer(), askedMs: nowMs });
    return true;
  }

  /** The next message, if there is one and it is time to offer it. */
  next(nowMs: number): readonly Buffer[] | null {
    if (nowMs < this.#tryAgainMs) return null;
    const request = this.#requests[0];
    if (request !== undefined) return request.answer.next(nowMs);
    const owed = this.#owedEnds[0];
    return owed === undefined ? null : endFrames(owed.framing);
  }

  /** The queue took the message of so many bytes that `next` gave. Returns what it was, and the answer that it ended. */
  accepted(nowMs: number, bytes: number): { readonly part: AnswerPart; readonly ended: EndedAnswer | null } {
    this.#lastProgressMs = nowMs;
    this.#pauseMs = 0;
    this.#taken.push(bytes);
    this.#heldBytes += bytes - (this.#taken.length > this.#maxHeld ? (this.#taken.shift() ?? 0) : 0);
    const request = this.#requests[0];
    if (request === undefined) {
      const owed = this.#owedEnds[0];
      if (owed !== undefined && --owed.count === 0) this.#owedEnds.shift();
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

  /** Gives up on the client when it has taken nothing for `expiryMs`. True: it did so now. */
  expire(nowMs: number, expiryMs: number): boolean {
    if (this.#isExpired || this.isDone || nowMs - this.#lastProgressMs < expiryMs) return false;
    this.#isExpired = true;
    for (const { answer } of this.#requests) answer.cutShort();
    return true;
  }

  /** It is owed nothing any more. Should it ask again, it is a client like any other. */
  rest(): void {
    this.#isExpired = false;
  }

  /** There is no such client any more. Returns the answers that it was owed. */
  abandon(): readonly EndedAnswer[] {
    const owed = this.#requests.map(({ answer }) => {
      if (!this.#isExpired) answer.abandon();
      return { outcome: answer.outcome, durationMs: null };
    });
    this.#requests.length = 0;
    this.#owedEnds.length = 0;
    return owed;
  }

  #oweEnd(framing: ReplayFraming): void {
    const last = this.#owedEnds.at(-1);
    if (last !== undefined && (last.framing === framing || this.#owedEnds.length >= MAX_OWED_RUNS)) last.count++;
    else this.#owedEnds.push({ framing, count: 1 });
  }
}
