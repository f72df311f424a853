/**
 * Examines a publisher of KV events over ZMQ: says of what was heard what readers trip over. MAIN THREAD.
 */
import { refusalText } from "../tail/handshake-refusal.ts";
import { Findings, type Finding } from "./finding.ts";
import { type Heard, hearPublisher, MAX_EXAMINED, type PublisherTarget } from "./hear-publisher.ts";
import { formRemark, HARMLESS, RULES } from "./reader-rules.ts";
import { MANNERS } from "./wire-manners.ts";

/** A clock that is ahead by more than this, in seconds, is wrong; less may be the way of rounding. */
const AHEAD_SECONDS = 0.005;
const OLD_SECONDS = 1;

export interface PublisherExam {
  readonly findings: readonly Finding[];
  /** The first number that was seen; null when there was none. */
  readonly firstSequence: number | null;
  readonly lastSequence: number | null;
}

/** Listens for `seconds` at the longest. Rejects for an address that libzmq does not take, and never else. */
export async function examinePublisher(target: PublisherTarget, seconds: number): Promise<PublisherExam> {
  const heard = await hearPublisher(target, seconds);
  const findings = new Findings("publisher", target.endpoint);
  if (tellConnection(findings, target, heard, seconds)) {
    tellNumbers(findings, heard);
    tellManners(findings, heard);
    tellRanks(findings, heard);
    tellBlockSize(findings, target, heard);
    tellFreshness(findings, heard);
  }
  return { findings: findings.list, firstSequence: heard.first, lastSequence: heard.last };
}

/** Whether there is anything to say beyond. */
function tellConnection(findings: Findings, { topic, curve }: PublisherTarget, heard: Heard, seconds: number): boolean {
  if (!heard.connected && heard.refusal !== null) {
    const why = "subscribers there get nothing, and ZMQ itself is silent about it";
    findings.fail("connection", { ...refusalText(heard.refusal, curve !== null), why });
    return false;
  }
  if (!heard.connected) {
    findings.fail("connection", {
      says: `no connection within ${seconds} s`,
      why: "subscribers there get nothing, and ZMQ never says so",
      fix: "check host and port, and that the publisher runs; vLLM connects instead of binding unless its endpoint has a * in it",
    });
    return false;
  }
  findings.ok("connection", "connected");
  if (heard.messages > 0) return true;
  const filter = topic === "" ? "" : ` with a topic that begins with ${JSON.stringify(topic)}`;
  findings.warn("traffic", {
    says: `no message${filter} within ${seconds} s`,
    why: "an idle publisher, one with another topic and one that is no publisher of KV events look the same",
    fix:
      topic === ""
        ? "send the engine a request and look again; --heartbeat of kvcast serve makes an idle stream speak"
        : "look again without a topic",
  });
  return false;
}

function tellNumbers(findings: Findings, heard: Heard): void {
  const { messages, unnumbered, faults, missing, backwards } = heard;
  if (faults > 0) {
    findings.fail("frames", {
      says: `${faults} of ${messages} messages have not the frames [topic, sequence of 8 bytes, payload]`,
      why: "every reader drops them",
      fix: "check that the address is that of KV events, and publish three frames",
    });
  } else if (unnumbered > 0) {
    findings.warn("frames", {
      says: `${unnumbered} of ${messages} messages have no sequence number`,
      why: "nobody can see that one was lost; Dynamo's indexer and llm-d refuse two frames",
      fix: "publish [topic, sequence as 8 bytes big-endian, payload]",
    });
  } else findings.ok("frames", `${messages} messages of three frames, ${heard.events} events looked at`);
  if (missing > 0 || backwards > 0) {
    findings.warn("sequence", {
      says: `${missing} numbers were missing and ${backwards} went back`,
      why:
        "messages were lost on the way to this reader, or several publishers share the address: numbers that go back are a " +
        "restart to every router",
      fix: "raise the publisher's high-water mark, or give each rank a socket of its own",
    });
  } else if (heard.last !== null) findings.ok("sequence", `without a hole up to ${heard.last}`);
}

function tellManners(findings: Findings, { manners, messages }: Heard): void {
  const seen = new Set(manners.keys());
  findings.ok("form", formRemark(seen));
  const met = MANNERS.filter((manner) => seen.has(manner) && !HARMLESS.has(manner));
  if (met.length === 0) findings.ok("conformance", "nothing that a known reader would refuse");
  for (const manner of met) {
    const rule = RULES[manner];
    if (rule === undefined) continue;
    const { status, says, why, fix } = rule;
    const count = manners.get(manner) ?? 0;
    findings[status](manner, { says: `${says} (${count} of ${Math.min(messages, MAX_EXAMINED)} messages)`, why, fix });
  }
}

function tellRanks(findings: Findings, { ranks }: Heard): void {
  if (ranks.size === 0) return;
  const sorted = [...ranks].toSorted((a, b) => a - b);
  const shown = sorted.slice(0, 16).join(", ");
  findings.ok("ranks", `attention-DP ranks ${shown}${sorted.length > 16 ? ` and ${sorted.length - 16} more` : ""}`);
}

function tellBlockSize(findings: Findings, { kvBlockSizeTokens }: PublisherTarget, { blockSizes }: Heard): void {
  const sizes = [...blockSizes].toSorted((a, b) => a - b);
  if (sizes.length === 0) return;
  const others = kvBlockSizeTokens === null ? sizes.slice(1) : sizes.filter((size) => size !== kvBlockSizeTokens);
  if (others.length === 0) {
    findings.ok("block_size", `blocks of ${sizes[0]} tokens`);
    return;
  }
  findings.fail("block_size", {
    says: `blocks of ${sizes.slice(0, 8).join(", ")} tokens${kvBlockSizeTokens === null ? "" : `, ${kvBlockSizeTokens} expected`}`,
    why: "a router that hashes prompts in blocks of another size finds no prefix, ever",
    fix: "set --kv-block-size and the router's block size to the engine's tokens_per_block",
  });
}

function tellFreshness(findings: Findings, { youngest, oldest }: Heard): void {
  if (!Number.isFinite(youngest)) return;
  if (youngest < -AHEAD_SECONDS) {
    findings.warn("clock", {
      says: `timestamps are up to ${(-youngest).toFixed(3)} s in the future`,
      why: "ages of events are worth nothing, and readers that expire by time expire wrongly",
      fix: "synchronise the clocks of both machines (NTP)",
    });
    return;
  }
  if (youngest > OLD_SECONDS) {
    findings.warn("freshness", {
      says: `even the youngest batch was ${youngest.toFixed(1)} s old when it came`,
      why: "routers send requests to where a prefix was, not to where it is; or the two clocks differ",
      fix: "look for a queue between engine and publisher, and compare the clocks",
    });
    return;
  }
  findings.ok("freshness", `batches were ${milliseconds(youngest)} to ${milliseconds(oldest)} old when they came`);
}

function milliseconds(seconds: number): string {
  return `${(Math.max(0, seconds) * 1000).toFixed(1)} ms`;
}
