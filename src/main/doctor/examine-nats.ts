/** Examines the NATS servers that `serve` would publish to. MAIN THREAD; the client itself lives on a thread of its own. */
import { Worker } from "node:worker_threads";
import type { NatsExamData, NatsServerReport } from "../../shared/nats-exam-messages.ts";
import { messageOf } from "../../shared/errors.ts";
import { workerUrl } from "../../shared/thread-url.ts";
import { type NatsConfig, openConnection } from "../config/load-nats.ts";
import { Findings, type Finding } from "./finding.ts";

/** A greeting, TLS and login may take five seconds each, for each server. */
const DEADLINE_MS = 30_000;
/** Batches of the event plane are cut to what a server takes; below this next to nothing fits. */
const SMALL_PAYLOAD_BYTES = 65_536;

type Failure = NonNullable<NatsServerReport["failure"]>;

/** Never rejects. */
export async function examineNats({ connection, encoding, place, jetStream }: NatsConfig): Promise<readonly Finding[]> {
  let reports: readonly NatsServerReport[];
  try {
    reports = await look({ connection: openConnection(connection), encoding, place, jetStream });
  } catch (error) {
    const findings = new Findings("nats");
    findings.skip("connection", `it could not be looked at: ${messageOf(error)}`);
    return findings.list;
  }
  return reports.flatMap((report) => tell(report, jetStream));
}

function look(data: NatsExamData): Promise<readonly NatsServerReport[]> {
  const worker = new Worker(workerUrl("nats-exam"), { workerData: data, name: "kvcast-nats-exam" });
  const report = new Promise<readonly NatsServerReport[]>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no end within ${DEADLINE_MS / 1000} s`)), DEADLINE_MS);
    worker.once("message", (reports: readonly NatsServerReport[]) => resolve(reports));
    worker.once("error", reject);
    worker.once("exit", () => {
      clearTimeout(timer);
      reject(new Error("the thread ended without a report"));
    });
  });
  return report.finally(() => void worker.terminate());
}

function tell(report: NatsServerReport, jetStream: string | null): readonly Finding[] {
  const findings = new Findings("nats", report.server);
  const { failure, version, maxPayloadBytes, isEncrypted, stream } = report;
  if (failure !== null) {
    tellFailure(findings, failure);
    return findings.list;
  }
  findings.ok("connection", `connected and logged in, nats-server ${version || "of unknown version"}`);
  if (maxPayloadBytes < SMALL_PAYLOAD_BYTES) {
    findings.warn("max_payload", {
      says: `it takes messages of ${maxPayloadBytes} bytes at most`,
      why: "batches are cut to that, and single events that are longer are dropped and counted",
      fix: "set max_payload of nats-server to 1MB, its default",
    });
  } else findings.ok("max_payload", `messages of up to ${maxPayloadBytes} bytes`);
  findings.ok("encryption", isEncrypted ? "encrypted" : "not encrypted: fit for this machine and trusted networks");
  if (stream !== null && jetStream !== null) tellStream(findings, stream, jetStream);
  return findings.list;
}

function tellFailure(findings: Findings, { reason, detail }: Failure): void {
  const isLogin = reason === "auth";
  findings.fail("connection", {
    says: `${isLogin ? "the login is refused" : "no connection"}: ${detail}`,
    why: "events and load do not reach the routers; over ZMQ they still do",
    fix: isLogin
      ? "check --nats-user, --nats-token-file, --nats-nkey-file or --nats-creds-file, and NATS_AUTH_*"
      : "check --nats-url (NATS_SERVER), that nats-server runs, and for tls:// the certificates (--nats-tls-ca-file)",
  });
}

function tellStream(
  findings: Findings,
  { state, detail }: NonNullable<NatsServerReport["stream"]>,
  name: string,
): void {
  switch (state) {
    case "ready":
      findings.ok("stream", `stream ${name} is there and fits`);
      return;
    case "missing":
      findings.ok("stream", `there is no stream ${name}: kvcast serve makes it`);
      return;
    case "unknown":
    case "unanswered":
      findings.warn("stream", {
        says: detail,
        why: "whether the stream fits shows only when events are refused",
        fix: "allow the account to ask for stream info ($JS.API.STREAM.INFO)",
      });
      return;
    case "unfit":
      findings.fail("stream", {
        says: detail,
        why: "events are not stored",
        fix: "enable JetStream for the account, or change the stream as said",
      });
  }
}
