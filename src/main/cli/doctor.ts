/** `kvcast doctor`: examines all that a kvcast depends on, and says what is wrong, why, and what to set. MAIN THREAD. */
import type { DoctorConfig } from "../config/load-doctor.ts";
import { examineAll } from "../doctor/doctor.ts";
import { statusCounts, type Finding } from "../doctor/finding.ts";
import { createLogger } from "../log.ts";
import { EXIT } from "../../shared/errors.ts";
import { findingText, verdictText } from "./doctor-text.ts";

export interface DoctorIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes data, to stdout. */
  out(text: string): void;
  /** Writes talk, to stderr. */
  err(text: string): void;
}

/** Back to the start of the line, and the line gone. */
const ERASE_LINE = "\r\u001b[K";

/** Resolves with the exit code: 0, 10 when something failed, 1 when `--strict` and something is to be warned of. */
export async function runDoctor(config: DoctorConfig, io: DoctorIo): Promise<number> {
  const isPlain = Boolean(io.env["NO_COLOR"]) || io.env["TERM"] === "dumb";
  const colour = process.stdout.isTTY && !isPlain;
  const showsProgress = process.stderr.isTTY && io.env["TERM"] !== "dumb";
  const erase = (): void => {
    if (showsProgress) io.err(ERASE_LINE);
  };
  const findings = await examineAll(config, {
    log: createLogger({ level: "warn", format: "text" }),
    onBegin: (what) => {
      if (showsProgress) io.err(`${ERASE_LINE}examining ${what} …`);
    },
    onFindings: (found) => {
      erase();
      if (!config.json) for (const finding of found) io.out(findingText(finding, colour));
    },
  });
  erase();
  const code = exitCode(findings, config.strict);
  if (config.json) io.out(`${JSON.stringify({ counts: statusCounts(findings), exit_code: code, findings })}\n`);
  else io.out(verdictText(findings, colour));
  return code;
}

function exitCode(findings: readonly Finding[], strict: boolean): number {
  const { warn, fail } = statusCounts(findings);
  if (fail > 0) return EXIT.unhealthy;
  return strict && warn > 0 ? EXIT.failure : EXIT.ok;
}
