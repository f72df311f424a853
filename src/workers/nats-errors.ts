/**
 * What went wrong with NATS, in the words of our metrics. PUBLISHER THREAD.
 *
 * Texts from outside are cut and cleaned before anyone sees them: a server may say anything.
 */
import { ErrorCode } from "nats";
import { SINK_ERROR_REASONS } from "../shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import { codeOf, messageOf } from "../shared/errors.ts";

export type NatsErrorReason = (typeof SINK_ERROR_REASONS)[number];

const MAX_DETAIL = 200;

/** The cell that counts errors of a reason. */
export function natsErrorCell(reason: NatsErrorReason): number {
  return PUBLISHER_CELLS.natsErrors + SINK_ERROR_REASONS.indexOf(reason);
}

/** Codes of the client and of Node for a connection that failed or ended. What is in no list is `other`. */
const CODES: readonly (readonly [NatsErrorReason, ReadonlySet<string>])[] = [
  [
    "auth",
    new Set([
      ErrorCode.AuthorizationViolation,
      ErrorCode.AuthenticationExpired,
      ErrorCode.AuthenticationTimeout,
      ErrorCode.AccountExpired,
      ErrorCode.BadAuthentication,
      ErrorCode.BadCreds,
    ]),
  ],
  ["permission", new Set([ErrorCode.PermissionsViolation])],
  ["timeout", new Set([ErrorCode.Timeout, ErrorCode.ConnectionTimeout, "ETIMEDOUT", "KVCAST_NATS_SILENT"])],
  [
    "disconnected",
    new Set([
      ErrorCode.ConnectionRefused,
      ErrorCode.Disconnect,
      "ECONNREFUSED",
      "ECONNRESET",
      "EPIPE",
      "EHOSTUNREACH",
      "ENETUNREACH",
      "ENOTFOUND",
      "EAI_AGAIN",
    ]),
  ],
];

/** Why a connection failed or ended. */
export function connectionReason(error: unknown): NatsErrorReason {
  const code = codeOf(error) ?? "";
  return CODES.find(([, codes]) => codes.has(code))?.[0] ?? "other";
}

/** One line for a report. */
export function detailOf(error: unknown): string {
  return cleanText(messageOf(error));
}

/** Printable ASCII, no longer than a line. */
export function cleanText(text: string): string {
  return text
    .slice(0, MAX_DETAIL)
    .replaceAll(/[^ -~]+/gu, " ")
    .trim();
}
