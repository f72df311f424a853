/**
 * Asks a running kvcast how it is: `/health`, `/ready` or `/live` with `?verbose`. MAIN THREAD, in `kvcast check` and `doctor`.
 *
 * The answer comes over the network and may be another program's: it is bounded and typed, and what does not look like an answer is
 * no answer.
 */
import type { EngineCredentials } from "../config/config.ts";
import { jsonOf, lookAt } from "../http/http-look.ts";
import { urlBelow } from "../http/url-below.ts";
import { CHECK_NAMES, type CheckReport, SEVERITIES } from "./health-report.ts";
import { objectOf } from "../../shared/json-object.ts";

export const PROBES = ["health", "ready", "live"] as const;
export type Probe = (typeof PROBES)[number];

/** Far more than all checks of 64 engines. */
const MAX_CHECKS = 4096;
const MAX_TEXT_CHARS = 500;

export interface HealthAnswer {
  /** 200 or 503 as a rule. */
  readonly status: number;
  /** `ready`, `notready`, `live`, …; empty when it does not say. */
  readonly state: string;
  /** Sentences of an answer that has no checks. */
  readonly reasons: readonly string[];
  readonly checks: readonly CheckReport[];
  readonly uptimeSeconds: number | null;
  readonly version: string;
}

/** Nobody answers, or something else does. */
export interface NoHealth {
  readonly status: number;
  /** Why: `ECONNREFUSED`, `TIMEOUT`, `not_kvcast`. */
  readonly failure: string;
}

/** Never rejects. `base` has no query. */
export async function askHealth(
  base: URL,
  probe: Probe,
  timeoutMs: number,
  credentials?: EngineCredentials,
): Promise<HealthAnswer | NoHealth> {
  const url = urlBelow(base, probe);
  url.searchParams.set("verbose", "");
  const { status, failure, body } = await lookAt(url, { timeoutMs, ...(credentials && { credentials }) });
  if (failure !== "") return { status: 0, failure };
  const answer = objectOf(jsonOf(body));
  if ((status !== 200 && status !== 503) || typeof answer["status"] !== "string")
    return { status, failure: "not_kvcast" };
  const uptime = objectOf(answer["uptime"])["secs"];
  return {
    status,
    state: text(answer["status"]),
    reasons: listOf(answer["reasons"])
      .map(text)
      .filter((reason) => reason !== ""),
    checks: listOf(answer["checks"]).flatMap(checkOf),
    uptimeSeconds: typeof uptime === "number" ? uptime : null,
    version: text(answer["version"]),
  };
}

export function isAnswer(answer: HealthAnswer | NoHealth): answer is HealthAnswer {
  return !("failure" in answer);
}

function checkOf(value: unknown): readonly CheckReport[] {
  const { name, target, ok, severity, reason, fix, since } = objectOf(value);
  const known = CHECK_NAMES.find((each) => each === name);
  const weight = SEVERITIES.find((each) => each === severity);
  if (known === undefined || weight === undefined || (typeof ok !== "boolean" && ok !== null)) return [];
  return [
    {
      name: known,
      target: typeof target === "string" ? text(target) : null,
      ok,
      severity: weight,
      reason: text(reason),
      fix: text(fix),
      since: typeof since === "number" ? since : 0,
    },
  ];
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, MAX_CHECKS) : [];
}

/** On one line, without control characters: a terminal shows it. */
function text(value: unknown): string {
  return typeof value === "string" ? value.slice(0, MAX_TEXT_CHARS).replaceAll(/\p{Cc}+/gu, " ") : "";
}
