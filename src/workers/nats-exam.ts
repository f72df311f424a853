/**
 * NATS EXAM THREAD: connects to each configured server once, as the publisher would, and reports what it found. Entry.
 *
 * Nothing is published and no stream is made: it only looks. It is a thread of its own because the client, its logins and TLS belong
 * to this side.
 */
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import type { NatsConnection } from "nats";
import { codeOf, LayoutError } from "../shared/errors.ts";
import type { NatsExamData, NatsServerReport } from "../shared/nats-exam-messages.ts";
import { parseNatsExamData } from "../shared/nats-exam-messages.ts";
import { NatsCredentialsError } from "../shared/nats-login.ts";
import { connectTo, serverName } from "./nats-connect.ts";
import { cleanText, connectionReason, detailOf } from "./nats-errors.ts";
import { lookAtStream } from "./nats-stream.ts";
import { streamSubject, workerSubject } from "../shared/nats-subjects.ts";

async function examine(server: string, data: NatsExamData): Promise<NatsServerReport> {
  const unknown = { server: serverName(server), version: "", maxPayloadBytes: 0, isEncrypted: false, stream: null };
  let connection: NatsConnection;
  try {
    connection = await connectTo(server, data.connection, () => true);
  } catch (error) {
    const reason = error instanceof NatsCredentialsError ? "auth" : connectionReason(error);
    const detail = detailOf(error) || cleanText(codeOf(error) ?? "") || "no connection";
    return { ...unknown, failure: { reason, detail } };
  }
  try {
    const { info } = connection;
    return {
      ...unknown,
      failure: null,
      version: cleanText(info?.version ?? ""),
      maxPayloadBytes: info?.max_payload ?? 0,
      isEncrypted: info?.tls_required === true || data.connection.tls !== null,
      stream: data.jetStream === null ? null : await lookAtStream(connection, wishOf(data, data.jetStream)),
    };
  } finally {
    await connection.close();
  }
}

function wishOf({ place, encoding }: NatsExamData, name: string): Parameters<typeof lookAtStream>[1] {
  return { name, subject: streamSubject(place, encoding), needed: workerSubject(place, encoding) };
}

if (isMainThread || parentPort === null) throw new LayoutError("nats-exam.js runs as a worker thread only");
/** Sockets that wait for a greeting do not keep a thread alive; this timer does. */
const alive = setInterval(() => {}, 60_000);
const data = parseNatsExamData(workerData);
const reports: NatsServerReport[] = [];
for (const server of data.connection.servers) reports.push(await examine(server, data));
parentPort.postMessage(reports);
clearInterval(alive);
