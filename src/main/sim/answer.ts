/**
 * How the stand-in engine sends an answer, whole or broken on purpose. MAIN THREAD.
 */
import type { ServerResponse } from "node:http";
import { bloatedPage, lyingLines } from "./bad-metrics.ts";
import type { FaultPlan } from "./fault-plan.ts";
import type { AnswerFault } from "./sim-config.ts";

const DRIP_MS = 100;

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  /** Buffers that make up the body one after the other. */
  readonly body: readonly Buffer[];
  /** Of a refusal: the verb that would do. */
  readonly allow?: string;
  /** Called at most once, when the client did not get the whole body. */
  readonly onBroken?: () => void;
}

export function jsonAnswer(value: unknown, status: number = 200): Answer {
  return { status, contentType: "application/json", body: [Buffer.from(JSON.stringify(value))] };
}

export function textAnswer(text: string, status: number = 200): Answer {
  return { status, contentType: "text/plain; charset=utf-8", body: [Buffer.from(text)] };
}

/** What stands in for the real answer of a route; null when the fault needs the real one. */
export function replacement(fault: AnswerFault, plan: FaultPlan): Answer | null {
  if (fault.kind === "http500") return textAnswer("Internal Server Error", 500);
  if (fault.kind === "bloat") return { status: 200, contentType: "text/plain", body: [bloatedPage()] };
  if (fault.kind !== "garbage") return null;
  if (plan.variant(2) === 0) {
    const page = "<!DOCTYPE html><html><body><h1>Not the engine you are looking for</h1></body></html>";
    return { status: 200, contentType: "text/html", body: [Buffer.from(page)] };
  }
  return { status: 200, contentType: "application/json", body: [plan.noise(256)] };
}

/** Sends an answer; `fault` says how it is to break. */
export function send(response: ServerResponse, answer: Answer, fault: AnswerFault | null, plan: FaultPlan): void {
  const { onBroken } = answer;
  if (onBroken !== undefined) {
    response.once("close", () => {
      if (!response.writableFinished || fault?.kind === "truncate") onBroken();
    });
  }
  // The client may leave at any time; "close" has all that needs to be known.
  response.on("error", () => {});
  if (fault?.kind === "truncate") {
    sendHalf(response, answer, plan.variant(2) === 0 ? "chunked" : "closed");
  } else if (fault?.kind === "drop-connection") {
    sendHalf(response, answer, "reset");
  } else if (fault?.kind === "slow") {
    drip(response, answer, fault.bytesPerSecond);
  } else if (fault?.kind === "lies") {
    send(response, { ...answer, body: [...answer.body, lyingLines()] }, null, plan);
  } else {
    head(response, answer, true);
    for (const part of answer.body) response.write(part);
    response.end();
  }
}

function lengthOf(answer: Answer): number {
  return answer.body.reduce((sum, part) => sum + part.length, 0);
}

function head(response: ServerResponse, answer: Answer, withLength: boolean): void {
  response.writeHead(answer.status, {
    "Content-Type": answer.contentType,
    ...(answer.allow === undefined ? {} : { Allow: answer.allow }),
    ...(withLength ? { "Content-Length": lengthOf(answer) } : {}),
  });
}

/**
 * The first half of the body. Then `chunked`: the message ends as if that were all; `closed`: less than the
 * announced length, and an orderly end of the connection; `reset`: the same with a reset.
 */
function sendHalf(response: ServerResponse, answer: Answer, end: "chunked" | "closed" | "reset"): void {
  head(response, answer, end !== "chunked");
  const whole = Buffer.concat(answer.body);
  const half = whole.subarray(0, whole.length >>> 1);
  if (end === "chunked") {
    response.end(half);
    return;
  }
  response.flushHeaders();
  const breakOff = (): void => {
    if (end === "closed") response.socket?.destroySoon();
    else response.socket?.resetAndDestroy();
  };
  if (half.length === 0) breakOff();
  else response.write(half, breakOff);
}

/** The body in small drops; ends early when the client goes. */
function drip(response: ServerResponse, answer: Answer, bytesPerSecond: number): void {
  head(response, answer, true);
  response.flushHeaders();
  const whole = Buffer.concat(answer.body);
  const startedAt = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * bytesPerSecond);
    const until = Math.min(due, whole.length);
    if (until > sent) response.write(whole.subarray(sent, until));
    sent = until;
    if (sent < whole.length) return;
    clearInterval(timer);
    response.end();
  }, DRIP_MS);
  response.once("close", () => clearInterval(timer));
}
