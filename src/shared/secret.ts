/**
 * A value that shows itself to nobody who does not ask for it by name: logs, JSON, templates and `inspect` get `***`. ALL THREADS.
 *
 * Configuration is full of things that may be printed, and passed around as a whole; this is what keeps the few others out of
 * sight wherever it goes. It does not survive `postMessage`: threads are given what is in it, in a message of a type of its own.
 */
import { inspect } from "node:util";

/** Stands for a secret, of whatever length. */
export const MASK = "***";

export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
    Object.defineProperty(this, inspect.custom, { value: () => MASK });
  }

  /** The value, for the one place that uses it. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }
}

/** No option takes such a URL with a query; whoever gives one nevertheless gives a key in it. Ends where a list goes on. */
const SERVER_QUERY = /((?:https?|nats|tls|wss?):\/\/[^\s?#,"']*[?#])[^\s,"']+/gi;

/**
 * The text with user names and passwords in URLs masked, `nats://user:word@host` becomes `nats://***@host`, and queries of servers:
 * `http://host?key=word` becomes `http://host?***`.
 */
export function withoutUserinfo(text: string): string {
  // To the last @ before a slash, space, comma or quote: a password may hold an @ that nobody escaped.
  const anonymous = text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#,"']*@/gi, `$1${MASK}@`);
  return anonymous.replace(SERVER_QUERY, `$1${MASK}`);
}
