/**
 * Answered requests by handler and status code, for `kvcast_http_requests_total`. MAIN THREAD.
 *
 * A handler is named by its place in the route table, never by the requested path, and the codes are a closed list:
 * a stranger with a port scanner cannot make series.
 */

/** Whatever reached no handler: unknown paths, refused methods and bodies, clients that may not come in. */
export const NO_HANDLER = "other";

const HANDLER_CODES = [200, 500, 503] as const;
const NO_HANDLER_CODES = [400, 401, 403, 404, 405, 413, 429, 431] as const;

interface Entry {
  readonly handler: string;
  readonly code: number;
  count: number;
}

export class RequestCounts {
  readonly #entries = new Map<string, Entry>();

  constructor() {
    this.#add(NO_HANDLER, NO_HANDLER_CODES);
  }

  /** Makes the series of a route, at 0; `codes` are those that only this one gives. */
  addRoute(path: string, codes: readonly number[] = []): void {
    this.#add(path, [...HANDLER_CODES, ...codes]);
  }

  /** Counts one answer. A code outside the list counts as the list's nearest: 500 from 500 on, else 200. */
  count(handler: string, code: number): void {
    const entry = this.#entries.get(`${handler} ${code}`) ?? this.#entries.get(`${handler} ${code >= 500 ? 500 : 200}`);
    if (entry !== undefined) entry.count++;
  }

  entries(): Iterable<{ readonly handler: string; readonly code: number; readonly count: number }> {
    return this.#entries.values();
  }

  #add(handler: string, codes: readonly number[]): void {
    for (const code of codes) {
      const key = `${handler} ${code}`;
      if (!this.#entries.has(key)) this.#entries.set(key, { handler, code, count: 0 });
    }
  }
}
