/**
 * Basic authentication: whether a header names a user of the web configuration with the right password. MAIN THREAD.
 *
 * A password that was checked once is known from then on, so that scrapes cost nothing. One that nobody knows is checked on the
 * password thread, and so is any password of a user who does not exist: how long it takes says nothing about who does.
 */
import { basicCredentials } from "./credentials.ts";
import { PasswordCache } from "./password-cache.ts";
import { PasswordChecker } from "./password-checker.ts";

/** Nothing was decided: too many are waiting. */
export const PASSWORD_BUSY: unique symbol = Symbol("busy");
/** Longer than any that bcrypt tells apart, and short of a header's limit. */
const MAX_PASSWORD_BYTES = 4096;

export class PasswordDoor {
  readonly #cache = new PasswordCache();
  readonly #checker = new PasswordChecker();
  /** Checks under way, by key: a browser asks for several things at once. */
  readonly #running = new Map<string, Promise<boolean | null>>();

  /** Never rejects. `address` is where the request came from. */
  async judge(
    users: ReadonlyMap<string, string>,
    authorization: string | undefined,
    address: string,
  ): Promise<boolean | typeof PASSWORD_BUSY> {
    const credentials = basicCredentials(authorization);
    if (credentials === null || Buffer.byteLength(credentials.password) > MAX_PASSWORD_BYTES) return false;
    const { user, password } = credentials;
    const known = users.get(user);
    const hash = known ?? hashOfNobody(users);
    const key = this.#cache.keyOf(user, hash, password);
    const cached = this.#cache.get(key);
    if (cached !== undefined) return cached;
    const isRight = await this.#check(key, password, hash, address);
    if (isRight === null) return PASSWORD_BUSY;
    const verdict = isRight && known !== undefined;
    this.#cache.set(key, verdict);
    return verdict;
  }

  /** Ends the thread; questions under way are answered with "busy". */
  close(): void {
    this.#checker.close();
  }

  #check(key: string, password: string, hash: string, address: string): Promise<boolean | null> {
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const check = this.#checker.check(password, hash, address).finally(() => this.#running.delete(key));
    this.#running.set(key, check);
    return check;
  }
}

/** Of the highest cost that any user has; no password is known to fit it. */
function hashOfNobody(users: ReadonlyMap<string, string>): string {
  const costs = Array.from(users.values(), (hash) => hash.slice(4, 6)).toSorted();
  return `$2b$${costs.at(-1) ?? "10"}$${".".repeat(53)}`;
}
