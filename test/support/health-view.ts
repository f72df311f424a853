/** Reads what a running service says of its health. */
import type { CheckName, CheckReport } from "../../src/main/health/health-report.ts";
import { eventually } from "./fault/deadline.ts";

const PATIENCE_MS = 20_000;

export interface Asked {
  readonly code: number;
  readonly status: string;
  readonly reasons: readonly string[];
  readonly endpoints?: Readonly<Record<string, string>>;
  readonly checks: readonly CheckReport[];
}

/** One of its three routes, with every check. */
export async function askHealth(url: string, path: string = "/health"): Promise<Asked> {
  const response = await fetch(`${url}${path}?verbose`);
  return { code: response.status, ...((await response.json()) as Omit<Asked, "code">) };
}

export function checkOf({ checks }: Pick<Asked, "checks">, name: CheckName, target: string | null): CheckReport {
  const found = checks.find((check) => check.name === name && check.target === target);
  if (found === undefined) throw new Error(`there is no check ${name} of ${target}`);
  return found;
}

/** The check, once it says that. */
export function untilCheck(
  url: string,
  name: CheckName,
  target: string | null,
  ok: boolean | null,
): Promise<{ readonly check: CheckReport; readonly asked: Asked }> {
  return eventually(`${name} of ${target} is ${ok}`, PATIENCE_MS, async () => {
    const asked = await askHealth(url);
    const check = checkOf(asked, name, target);
    return check.ok === ok ? { check, asked } : null;
  });
}

/** A route, once it answers with that status. */
export function untilStatus(url: string, path: string, code: number): Promise<Asked> {
  return eventually(`${path} answers ${code}`, PATIENCE_MS, async () => {
    const asked = await askHealth(url, path);
    return asked.code === code ? asked : null;
  });
}
