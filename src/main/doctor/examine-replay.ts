/**
 * Examines the replay socket of a publisher: which of the two framings it speaks, and whether it keeps what readers count on.
 * MAIN THREAD.
 *
 * It asks as any subscriber would, for the last message that was heard, so that an answer is short.
 */
import type { Dealer } from "zeromq";
import { type CurveClientKeys, curveClientOptions } from "../../shared/curve.ts";
import { END_SEQUENCE, isIpv6, type ReplayFraming, SEQUENCE_BYTES, sequenceFrame } from "../../shared/zmq-wire.ts";
import { Findings, type Finding } from "./finding.ts";

const TIMEOUT_MS = 3000;
const MAX_MESSAGE_BYTES: number = 64 * 1024 * 1024;
const RECEIVE_HIGH_WATER_MARK = 16;
/** Answers are read up to here; a publisher that floods is left. */
const MAX_MESSAGES = 4096;
const EMPTY = Buffer.alloc(0);

export interface ReplayTarget {
  readonly endpoint: string;
  /** As configured for whoever reads there; null where nobody said. */
  readonly framing: ReplayFraming | null;
  /** What to connect with; null: no encryption. */
  readonly curve: CurveClientKeys | null;
  /** Where to begin. */
  readonly from: number;
}

interface Answer {
  readonly framing: ReplayFraming | null;
  readonly messages: number;
  readonly first: number | null;
  readonly holes: number;
  /** `end`: the end marker came; `silence`: nothing came in time; `cut`: something came, and then no more. */
  readonly ended: "end" | "silence" | "cut" | "flood" | "strange";
  readonly tookMs: number;
}

/** Rejects for an address that libzmq does not take, and never else. */
export async function examineReplay(target: ReplayTarget): Promise<readonly Finding[]> {
  const answer = await ask(target);
  const findings = new Findings("replay", target.endpoint);
  tellEnd(findings, answer);
  if (answer.framing !== null) tellFraming(findings, target, answer.framing);
  if (answer.ended === "end") tellContents(findings, target, answer);
  return findings.list;
}

async function ask({ endpoint, from, curve }: ReplayTarget): Promise<Answer> {
  const { Dealer: DealerSocket } = await import("zeromq");
  const socket = new DealerSocket({
    linger: 0,
    ipv6: isIpv6(endpoint),
    maxMessageSize: MAX_MESSAGE_BYTES,
    receiveHighWaterMark: RECEIVE_HIGH_WATER_MARK,
    receiveTimeout: TIMEOUT_MS,
    sendTimeout: TIMEOUT_MS,
    ...curveClientOptions(curve),
  });
  const startedMs = performance.now();
  try {
    socket.connect(endpoint);
    await socket.send([EMPTY, sequenceFrame(from)]);
    return { ...(await read(socket)), tookMs: performance.now() - startedMs };
  } finally {
    socket.close();
  }
}

async function read(socket: Dealer): Promise<Omit<Answer, "tookMs">> {
  let framing: ReplayFraming | null = null;
  let messages = 0;
  let holes = 0;
  let first: number | null = null;
  let last: number | null = null;
  const answer = (ended: Answer["ended"]): Omit<Answer, "tookMs"> => ({ framing, messages, first, holes, ended });
  for (;;) {
    const frames = await socket.receive().catch(() => null);
    if (frames === null) return answer(messages === 0 ? "silence" : "cut");
    const number = frames.at(-2);
    if (frames.length < 3 || frames.length > 4 || frames[0]?.length !== 0 || number?.length !== SEQUENCE_BYTES) {
      return answer("strange");
    }
    const spoken = frames.length === 4 ? "v2" : "v1";
    framing ??= spoken;
    if (framing !== spoken) return answer("strange");
    if (number.equals(END_SEQUENCE)) return answer("end");
    const sequence = Number(number.readBigUInt64BE());
    if (last !== null && sequence !== last + 1) holes++;
    first ??= sequence;
    last = sequence;
    if (++messages >= MAX_MESSAGES) return answer("flood");
  }
}

function tellEnd(findings: Findings, { ended, messages, tookMs }: Answer): void {
  if (ended === "end") {
    findings.ok("answer", `${messages} messages and the end marker in ${tookMs.toFixed(0)} ms`);
    return;
  }
  if (ended === "flood") {
    findings.warn("answer", {
      says: `more than ${MAX_MESSAGES} messages, of which the end was not waited for`,
      why: "a reader that joins has to take all of that before it is up to date",
      fix: "bound what is kept: --replay-batches and --replay-bytes of kvcast serve",
    });
    return;
  }
  const says = {
    silence: `no answer within ${TIMEOUT_MS / 1000} s`,
    cut: `${messages} messages, and then no end marker within ${TIMEOUT_MS / 1000} s`,
    strange: "the answer has frames that no replay has",
  }[ended];
  findings.fail("answer", {
    says,
    why: "gaps stay gaps, and Dynamo's indexer waits for the end marker without a limit",
    fix:
      ended === "strange"
        ? "check that the address is that of the replay socket, not of the events"
        : "check the address; the publisher must have a replay endpoint (kvcast: --replay-endpoint, vLLM: replay_endpoint)",
  });
}

function tellFraming(findings: Findings, { framing: expected }: ReplayTarget, framing: ReplayFraming): void {
  if (expected !== null && expected !== framing) {
    findings.fail("framing", {
      says: `replay framing ${framing}, and ${expected} is configured`,
      why: "every replay fails, so each lost message stays lost",
      fix: `set framing=${framing} where this publisher is read`,
    });
    return;
  }
  const readers = framing === "v2" ? "vLLM 0.26 and later, Dynamo, llm-d" : "vLLM up to 0.25, SGLang";
  findings.ok("framing", `replay framing ${framing} (${readers})`);
}

function tellContents(findings: Findings, { from }: ReplayTarget, { first, holes }: Answer): void {
  if (first === null) {
    findings.warn("window", {
      says: `nothing is kept from number ${from} on`,
      why: "the number had just been seen: what readers miss cannot be given to them",
      fix: "enlarge what the publisher keeps, and look whether this is the replay socket of the same publisher",
    });
  } else if (first !== from) {
    findings.warn("window", {
      says: `asked for ${from}, the answer begins with ${first}`,
      why: "llm-d clears its index when an answer does not begin where it asked",
      fix: "enlarge what is kept, or choose --replay-evicted empty in kvcast serve",
    });
  } else if (holes > 0) {
    findings.fail("window", {
      says: `${holes} holes in the numbers of the answer`,
      why: "readers stop at a hole or believe blocks that are gone",
      fix: "the publisher keeps its messages wrongly; report it to its makers",
    });
  } else findings.ok("window", "begins where it was asked for and has no hole");
}
