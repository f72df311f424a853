/**
 * What a stream answers to a message. PUBLISHER THREAD.
 *
 *   taken    it is in the stream, now or already
 *   later    refused, but the same message may be taken another time: no stream, no room
 *   never    refused, and would be again: too large for the stream
 */
import type { Msg } from "nats";
import { cleanText } from "./nats-errors.ts";
import { type Fields, isFields } from "../shared/json-object.ts";

/** The server's answer when nobody listens to the subject. */
const NO_RESPONDERS = 503;
const MESSAGE_TOO_LARGE = 10_054;
const NO_SUCH_STREAM = 10_059;

export type StreamAck =
  | { readonly type: "taken"; readonly isDuplicate: boolean }
  | { readonly type: "later"; readonly reason: "no_stream" | "other"; readonly detail: string }
  | { readonly type: "never"; readonly reason: "max_payload"; readonly detail: string };

export function readAck(message: Msg, stream: string): StreamAck {
  if (message.headers?.code === NO_RESPONDERS) {
    return { type: "later", reason: "no_stream", detail: `no stream holds the subject; ${stream} is gone` };
  }
  const body = parse(message);
  const error = body["error"];
  if (isFields(error)) return refusal(error, stream);
  if (body["stream"] !== stream) {
    return { type: "later", reason: "no_stream", detail: `another stream than ${stream} holds the subject` };
  }
  return { type: "taken", isDuplicate: body["duplicate"] === true };
}

function refusal(error: Fields, stream: string): StreamAck {
  const detail = `stream ${stream}: ${cleanText(String(error["description"]))}`;
  const code = error["err_code"];
  if (code === MESSAGE_TOO_LARGE) return { type: "never", reason: "max_payload", detail };
  return { type: "later", reason: code === NO_SUCH_STREAM ? "no_stream" : "other", detail };
}

function parse(message: Msg): Fields {
  try {
    const body: unknown = JSON.parse(message.string());
    return isFields(body) ? body : {};
  } catch {
    return {};
  }
}
