/**
 * One thing that was looked at, and what was found. Pure.
 *
 * Everything a finding says is our own words with names, numbers and addresses in them: never a token id, never a text that a
 * peer sent.
 */

/** `skip`: it could not be looked at, or does not apply; the words say which. */
export const STATUSES = ["ok", "warn", "fail", "skip"] as const;
export type Status = (typeof STATUSES)[number];

/** What is examined, in this order. */
export const SUBJECTS = ["machine", "config", "address", "service", "engine", "publisher", "replay", "nats"] as const;
export type Subject = (typeof SUBJECTS)[number];

export interface Finding {
  /** Stable name within its subject, for programs: `node_version`. */
  readonly check: string;
  readonly subject: Subject;
  /** Which of several: an address, the name of an engine. Null where there is only one. */
  readonly target: string | null;
  readonly status: Status;
  /** What was seen, with its value. */
  readonly says: string;
  /** Why it matters; null for what is well. */
  readonly why: string | null;
  /** What to set or do; null for what is well. */
  readonly fix: string | null;
}

/** A finding that is to be acted upon. */
export interface Trouble {
  readonly says: string;
  readonly why: string;
  readonly fix: string;
}

/** Makes the findings of one subject and target. */
export class Findings {
  readonly list: Finding[] = [];
  readonly #subject: Subject;
  readonly #target: string | null;

  constructor(subject: Subject, target: string | null = null) {
    this.#subject = subject;
    this.#target = target;
  }

  ok(check: string, says: string): void {
    this.#add(check, "ok", says);
  }

  skip(check: string, says: string): void {
    this.#add(check, "skip", says);
  }

  warn(check: string, { says, why, fix }: Trouble): void {
    this.#add(check, "warn", says, why, fix);
  }

  fail(check: string, { says, why, fix }: Trouble): void {
    this.#add(check, "fail", says, why, fix);
  }

  #add(check: string, status: Status, says: string, why: string | null = null, fix: string | null = null): void {
    this.list.push({ check, subject: this.#subject, target: this.#target, status, says, why, fix });
  }
}

/** How many there are of each status. */
export function statusCounts(findings: readonly Finding[]): Record<Status, number> {
  const counts: Record<Status, number> = { ok: 0, warn: 0, fail: 0, skip: 0 };
  for (const { status } of findings) counts[status]++;
  return counts;
}
