/** Examines a kvcast that runs on the configured system port, by its own word. MAIN THREAD. */
import type { ServeConfig } from "../config/config.ts";
import { WEB_CONFIG_PLACE } from "../config/http-options.ts";
import { loadWebConfig } from "../web-config/web-config-file.ts";
import { askHealth, type HealthAnswer, isAnswer } from "../health/ask-health.ts";
import { Findings, type Finding } from "./finding.ts";

const TIMEOUT_MS = 5000;

export interface ServiceExam {
  readonly findings: readonly Finding[];
  /** A kvcast answers there: the addresses of the configuration are probably its own. */
  readonly isServing: boolean;
}

/** Never rejects. */
export async function examineService({ systemHost, systemPort, webConfigFile }: ServeConfig): Promise<ServiceExam> {
  if (systemPort === null || systemPort === 0) {
    const findings = new Findings("service");
    findings.skip("answers", "no system port is configured, so whether a service runs is not known");
    return { findings: findings.list, isServing: false };
  }
  if (webConfigFile !== null && (await loadWebConfig(webConfigFile, WEB_CONFIG_PLACE)).tls !== null) {
    const findings = new Findings("service");
    findings.skip(
      "answers",
      "it would answer over TLS, for which this command has no certificates: ask it with kvcast check",
    );
    return { findings: findings.list, isServing: false };
  }
  const url = serviceUrl(systemHost, systemPort);
  const findings = new Findings("service", url.origin);
  const answer = await askHealth(url, "health", TIMEOUT_MS);
  if (!isAnswer(answer)) {
    findings.skip("answers", "no kvcast answers: what only a running one knows is not examined");
    return { findings: findings.list, isServing: false };
  }
  tellAnswer(findings, answer);
  return { findings: findings.list, isServing: true };
}

function serviceUrl(host: string, port: number): URL {
  const reachable = host === "0.0.0.0" || host === "*" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return new URL(`http://${reachable.includes(":") ? `[${reachable.replaceAll(/[[\]]/g, "")}]` : reachable}:${port}`);
}

function tellAnswer(findings: Findings, { status, reasons, checks, version, uptimeSeconds }: HealthAnswer): void {
  const up = uptimeSeconds === null ? "" : `, up for ${uptimeSeconds} s`;
  if (status === 200) findings.ok("ready", `kvcast ${version} is ready${up}`);
  else {
    findings.fail("ready", {
      says: `kvcast ${version} is not ready: ${reasons.join("; ") || "it gives no reason"}`,
      why: "events do not flow, or not all of them",
      fix: "see its checks below, and its log",
    });
  }
  for (const { name, target, ok, severity, reason, fix } of checks) {
    const says = target === null ? reason : `${target}: ${reason}`;
    if (ok === true) findings.ok(name, target === null ? "well" : `${target}: well`);
    else if (ok === null) findings.skip(name, says);
    else findings[severity === "critical" ? "fail" : "warn"](name, { says, why: "the service says so itself", fix });
  }
}
