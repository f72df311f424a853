/** `kvcast check`: asks a running service how it is, and answers with its exit code. MAIN THREAD. */
import type { CheckConfig } from "../config/load-check.ts";
import { askHealth, type HealthAnswer, isAnswer, type NoHealth } from "../health/ask-health.ts";
import type { CheckReport } from "../health/health-report.ts";
import { EXIT } from "../../shared/errors.ts";

/** As monitoring plugins end. */
const NAGIOS = { ok: 0, warning: 1, critical: 2, unknown: 3 } as const;
/** A line of a plugin is cut by some readers. */
const MAX_LINE_CHARS = 1000;

export interface CheckIo {
  /** Writes data, to stdout. */
  out(text: string): void;
}

/** Resolves with the exit code. */
export async function runCheck(config: CheckConfig, io: CheckIo): Promise<number> {
  const { url, probe, format, timeoutMs, login } = config;
  const startedMs = performance.now();
  const answer = await askHealth(url, probe, timeoutMs, login);
  const tookMs = performance.now() - startedMs;
  if (format === "nagios") return nagios(answer, config, tookMs, io);
  if (!isAnswer(answer)) {
    const says = failureText(answer, config);
    io.out(
      format === "json" ? `${JSON.stringify({ ok: false, reached: false, reason: says, checks: [] })}\n` : `${says}\n`,
    );
    return EXIT.unavailable;
  }
  io.out(format === "json" ? jsonText(answer) : plainText(answer));
  return answer.status === 200 ? EXIT.ok : EXIT.unhealthy;
}

function failureText({ status, failure }: NoHealth, { url, timeoutMs }: CheckConfig): string {
  if (failure === "not_kvcast") return `${url.origin} answers with HTTP status ${status}, but not as kvcast does`;
  if (failure === "TIMEOUT") return `${url.origin}: no answer within ${timeoutMs / 1000} s`;
  return `${url.origin} cannot be reached (${failure}); is kvcast serve running, and this its --system-port?`;
}

function jsonText({ status, state, reasons, checks, uptimeSeconds, version }: HealthAnswer): string {
  const ok = status === 200;
  return `${JSON.stringify({ ok, reached: true, state, reasons, version, uptime_s: uptimeSeconds, checks })}\n`;
}

function plainText(answer: HealthAnswer): string {
  const { status, state } = answer;
  const lines = [state, ...troubles(answer).map(({ line, fix }) => `  ${line}${fix === "" ? "" : `; ${fix}`}`)];
  if (status !== 200 && lines.length === 1) lines.push("  it gives no reason");
  return `${lines.join("\n")}\n`;
}

interface TroubleLine {
  readonly line: string;
  readonly fix: string;
}

/** What is wrong, the worst first. */
function troubles({ checks, reasons }: HealthAnswer): readonly TroubleLine[] {
  const wrong = checks.filter(({ ok }) => ok === false);
  if (wrong.length === 0) return reasons.map((line) => ({ line, fix: "" }));
  return [...wrong.filter(isCritical), ...wrong.filter((each) => !isCritical(each))].map((check) => {
    const { name, target, severity, reason, fix } = check;
    return { line: `${severity} ${name}${target === null ? "" : ` ${target}`}: ${reason}`, fix };
  });
}

function isCritical({ severity }: CheckReport): boolean {
  return severity === "critical";
}

function nagios(answer: HealthAnswer | NoHealth, config: CheckConfig, tookMs: number, io: CheckIo): number {
  const took = `time=${(tookMs / 1000).toFixed(3)}s;;${config.timeoutMs / 1000};0`;
  if (!isAnswer(answer)) {
    // A service that is not there is what it is to watch for; one that is something else, nobody knows.
    const isUnknown = answer.failure === "not_kvcast";
    io.out(`${outputLine(isUnknown ? "UNKNOWN" : "CRITICAL", failureText(answer, config))} | ${took}\n`);
    return isUnknown ? NAGIOS.unknown : NAGIOS.critical;
  }
  const wrong = troubles(answer).map((trouble) => trouble.line);
  const failing = answer.checks.filter(({ ok }) => ok === false).length;
  const uptime = answer.uptimeSeconds === null ? "" : ` uptime=${answer.uptimeSeconds}s`;
  const data = `${took} failing_checks=${failing};;;0${uptime}`;
  const isDown = answer.status !== 200;
  const word = isDown ? "CRITICAL" : failing > 0 ? "WARNING" : "OK";
  io.out(`${outputLine(word, wrong.join("; ") || answer.state)} | ${data}\n`);
  return isDown ? NAGIOS.critical : failing > 0 ? NAGIOS.warning : NAGIOS.ok;
}

/** A bar would begin the performance data. */
function outputLine(word: string, says: string): string {
  return `KVCAST ${word} - ${says.replaceAll("|", "/").slice(0, MAX_LINE_CHARS)}`;
}
