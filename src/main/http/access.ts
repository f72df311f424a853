/**
 * Who may have what over HTTP. MAIN THREAD.
 *
 * Probes answer anyone, always: a kubelet has no password. Whatever a web configuration asks for is asked for everything else. What
 * others would misuse (the live page, performance data, snapshots, orders to an index) is beyond that served only where it is
 * known who asks, or where nobody else can ask: on an address of this machine.
 */
import { isLoopbackHost } from "../config/zmq-endpoint.ts";
import { knowsSome, type WebConfigFile } from "../web-config/web-config-file.ts";
import { type PasswordDoor, PASSWORD_BUSY } from "../web-config/password-door.ts";
import { RateLimiter } from "../web-config/rate-limiter.ts";
import type { RateLimit } from "../web-config/web-config.ts";
import type { Response } from "./response.ts";

/**
 * `probe`: for everyone. `shared`: for whoever the web configuration lets in, and without one for everyone. `private`: the same, but on
 * an address that others can reach for nobody without one.
 */
export type RouteAccess = "probe" | "shared" | "private";

/** The other end of a connection, as far as a server knows it. */
export interface Client {
  /** Empty where it is not known. */
  readonly address: string;
  /** It has shown a certificate that a known authority has signed. */
  readonly isVerified: boolean;
}

export interface AccessOptions {
  /** The address that the server listens on. */
  readonly host: string;
  /** What is private is served to everyone too. */
  readonly isInsecure: boolean;
  readonly webConfig: { readonly file: WebConfigFile; readonly passwords: PasswordDoor } | null;
}

const TEXT = "text/plain; charset=utf-8";
const NO_HEADERS: Readonly<Record<string, string>> = {};

export class Access {
  readonly #options: AccessOptions;
  readonly #isOpen: boolean;
  #limiter: RateLimiter | null = null;
  #limit: RateLimit | null = null;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#isOpen = !options.isInsecure && !isLoopbackHost(options.host);
  }

  /** Whether what is private is served to anyone at all, as things are. */
  get servesPrivate(): boolean {
    const { webConfig } = this.#options;
    return !this.#isOpen || (webConfig !== null && knowsSome(webConfig.file.current));
  }

  /** For every answer. */
  get headers(): Readonly<Record<string, string>> {
    return this.#options.webConfig?.file.current.config.headers ?? NO_HEADERS;
  }

  /** Why a request is turned away; null: it may come in. A promise only where there is a web configuration. Never rejects. */
  refusal(
    access: RouteAccess,
    authorization: string | undefined,
    client: Client,
  ): Response | null | Promise<Response | null> {
    if (access === "probe") return null;
    const { webConfig } = this.#options;
    if (webConfig === null) return access === "private" && this.#isOpen ? this.#forbidden() : null;
    return this.#judged(webConfig, access, authorization, client);
  }

  async #judged(
    { file, passwords }: NonNullable<AccessOptions["webConfig"]>,
    access: RouteAccess,
    authorization: string | undefined,
    client: Client,
  ): Promise<Response | null> {
    const { users, rateLimit } = (await file.fresh()).config;
    if (!this.#hasRoom(rateLimit)) return busy("Too many requests; the limit is rate_limit of the web configuration");
    if (users.size > 0) {
      const verdict = await passwords.judge(users, authorization, client.address);
      if (verdict === PASSWORD_BUSY) return busy("Too many passwords are being checked; try again");
      return verdict ? null : UNAUTHORIZED;
    }
    return access === "private" && this.#isOpen && !client.isVerified ? this.#forbidden() : null;
  }

  #hasRoom(limit: RateLimit | null): boolean {
    if (limit?.burst !== this.#limit?.burst || limit?.intervalMs !== this.#limit?.intervalMs) {
      this.#limit = limit;
      this.#limiter = limit === null ? null : new RateLimiter(limit, performance.now());
    }
    return this.#limiter?.take(performance.now()) ?? true;
  }

  #forbidden(): Response {
    const { host } = this.#options;
    return {
      status: 403,
      contentType: TEXT,
      body:
        `This is not served here: ${host} can be reached from other machines, and nobody is asked who they are. Start kvcast with ` +
        "--web-config-file and a file that asks for passwords or client certificates, or on 127.0.0.1 and forward the port to your " +
        "machine; --insecure serves it to everyone. Probes and /metrics are served as ever.\n",
    };
  }
}

const UNAUTHORIZED: Response = {
  status: 401,
  contentType: TEXT,
  body: "Unauthorized\n",
  headers: { "WWW-Authenticate": 'Basic realm="kvcast", charset="UTF-8"' },
};

function busy(text: string): Response {
  return { status: 429, contentType: TEXT, body: `${text}\n`, headers: { "Retry-After": "1" } };
}
