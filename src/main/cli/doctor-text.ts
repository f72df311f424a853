/** What the doctor found, for people. Pure. */
import type { Finding, Status } from "../doctor/finding.ts";
import { statusCounts } from "../doctor/finding.ts";
import { ANSI } from "../tail/printer.ts";

/** All of one width. They say it without colour, too. */
const MARKS: Readonly<Record<Status, string>> = { ok: "ok  ", warn: "WARN", fail: "FAIL", skip: "-   " };
const INDENT = "         ";

function paint(status: Status, text: string, colour: boolean): string {
  if (!colour) return text;
  const code = { ok: ANSI.green, warn: ANSI.yellow, fail: ANSI.red, skip: ANSI.dim }[status];
  return `${code}${text}${ANSI.reset}`;
}

/** A line or, where something is to be done, three. With a newline at the end. */
export function findingText({ status, subject, target, check, says, why, fix }: Finding, colour: boolean): string {
  const where = target === null ? subject : `${subject} ${target}`;
  const lines = [`${paint(status, MARKS[status], colour)}  ${where}: ${check}: ${says}`];
  if (why !== null) lines.push(`${INDENT}why: ${why}`);
  if (fix !== null) lines.push(`${INDENT}fix: ${fix}`);
  return `${lines.join("\n")}\n`;
}

/** The last line. */
export function verdictText(findings: readonly Finding[], colour: boolean): string {
  const { ok, warn, fail, skip } = statusCounts(findings);
  const worst: Status = fail > 0 ? "fail" : warn > 0 ? "warn" : "ok";
  const words = `${fail} failed, ${warn} ${warn === 1 ? "warning" : "warnings"}, ${ok} ok, ${skip} not examined`;
  return `${paint(worst, words, colour)}\n`;
}
