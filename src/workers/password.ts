/**
 * PASSWORD THREAD: checks passwords against bcrypt hashes, one at a time. Entry; the one user of that library.
 *
 * A check takes a tenth of a second of pure computing on purpose. Here it holds up nobody, and at the lowest priority it takes
 * from events only the time that nothing else wants.
 */
import { timingSafeEqual } from "node:crypto";
import { constants, setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import { hashSync } from "bcryptjs";
import type { PasswordAnswer, PasswordQuestion } from "../shared/password-messages.ts";

/** Version, cost and salt, with which a hash begins. */
const SALT_CHARS = 29;

function isRight(password: string, hash: string): boolean {
  const made = Buffer.from(hashSync(password, hash.slice(0, SALT_CHARS)));
  const wanted = Buffer.from(hash);
  return made.length === wanted.length && timingSafeEqual(made, wanted);
}

// On Linux this is about the calling thread alone; elsewhere it would be about the whole process.
if (process.platform === "linux") {
  try {
    setPriority(constants.priority.PRIORITY_LOW);
  } catch {
    // A container may forbid it; then it is one thread among others.
  }
}

parentPort?.on("message", ({ id, password, hash }: PasswordQuestion) => {
  const answer: PasswordAnswer = { id, isRight: isRight(password, hash) };
  parentPort?.postMessage(answer);
});
