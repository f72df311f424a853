/**
 * Which passwords were found to be right and which wrong, for a while. MAIN THREAD.
 *
 * No password is kept: a key is a keyed hash of user, bcrypt hash and password, under a key that this process made for itself. So
 * the time of a look-up tells nothing either, as nobody outside can make two keys that are alike. Right and wrong ones are kept
 * apart, so that guesses never push out who belongs here.
 */
import { createHmac, randomBytes } from "node:crypto";

const MAX_EACH = 1024;

export class PasswordCache {
  readonly #secret: Buffer = randomBytes(32);
  readonly #right = new Set<string>();
  readonly #wrong = new Set<string>();

  keyOf(user: string, hash: string, password: string): string {
    const hmac = createHmac("sha256", this.#secret);
    for (const part of [user, hash, password]) hmac.update(`${Buffer.byteLength(part)}:${part}`);
    return hmac.digest("base64");
  }

  /** Undefined: it is not known. */
  get(key: string): boolean | undefined {
    if (this.#right.has(key)) return true;
    return this.#wrong.has(key) ? false : undefined;
  }

  set(key: string, isRight: boolean): void {
    const set = isRight ? this.#right : this.#wrong;
    const [oldest] = set;
    if (set.size >= MAX_EACH && oldest !== undefined) set.delete(oldest);
    set.add(key);
  }
}
