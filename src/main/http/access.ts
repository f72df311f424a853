/**
 * Who may have what over HTTP. MAIN THREAD.
 *
 * Probes answer anyone, always: a kubelet has no password. Whatever a web configuration asks for is asked for everything else. What
 * others would misuse (the live page, performance data, snapshots, orders to an index) is beyond that served only where it is
 * known who asks, or where nobody else can ask: on an address of this machine. There the page of a site can, in somebody's browser,
 * so what is private is not for requests under foreign names, or of foreign pages.
 */
import { isLoopbackHost } from "../config/zmq-endpoint.ts";
import { knowsSome, type WebConfigFile } from "../web-config/web-config-file.ts";
import { type PasswordDoor, PASSWORD_BUSY } from "../web-config/password-door.ts";
import { RateLimiter } from "../web-config/rate-limiter.ts";
import type { RateLimit } from "../web-config/web-config.ts";
import { isOwnName, isOwnOrigin } from "./own-names.ts";
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

/** Headers that say who asks, and whom. */
export interface AskedWith {
  readonly authorization: string | undefined;
  /** A browser always sends it. */
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

export interface AccessOptions {
  /** The address that the server listens on. */
  readonly host: string;
  /** Further names under which it is asked, in lower case. */
  readonly allowedHosts: readonly string[];
  /** What is private is served to everyone too. */
  readonly isInsecure: boolean;
  readonly webConfig: { readonly file: WebConfigFile; readonly passwords: PasswordDoor } | null;
}

const TEXT = "text/plain; charset=utf-8";
const NO_HEADERS: Readonly<Record<string, string>> = {};

export class Access {
  readonly #options: AccessOptions;
  readonly #isOpen: boolean;
  /** Null: under any name. */
  readonly #names: readonly string[] | null;
  #limiter: RateLimiter | null = null;
  #limit: RateLimit | null = null;

  constructor(options: AccessOptions) {
    this.#options = options;
    const { host, allowedHosts, isInsecure } = options;
    this.#isOpen = !isInsecure && !isLoopbackHost(host);
    this.#names = isInsecure || this.#isOpen ? null : [host.toLowerCase(), ...allowedHosts];
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
  refusal(access: RouteAccess, asked: AskedWith, client: Client): Response | null | Promise<Response | null> {
    if (access === "probe") return null;
    const { webConfig } = this.#options;
    if (webConfig === null) return access === "private" ? this.#unknownRefusal(asked) : null;
    return this.#judged(webConfig, access, asked, client);
  }

  async #judged(
    { file, passwords }: NonNullable<AccessOptions["webConfig"]>,
    access: RouteAccess,
    asked: AskedWith,
    client: Client,
  ): Promise<Response | null> {
    const { users, rateLimit } = (await file.fresh()).config;
    if (!this.#hasRoom(rateLimit)) return busy("Too many requests; the limit is rate_limit of the web configuration");
    if (users.size > 0) {
      const verdict = await passwords.judge(users, asked.authorization, client.address);
      if (verdict === PASSWORD_BUSY) return busy("Too many passwords are being checked; try again");
      return verdict ? null : UNAUTHORIZED;
    }
    return access === "private" && !client.isVerified ? this.#unknownRefusal(asked) : null;
  }

  /** Of what is private, to somebody of whom nothing is known. */
  #unknownRefusal({ host, origin }: AskedWith): Response | null {
    if (this.#isOpen) return this.#forbidden();
    if (this.#names === null) return null;
    if (host !== undefined && !isOwnName(host, this.#names)) return FOREIGN_NAME;
    return origin === undefined || isOwnOrigin(origin, this.#names) ? null : FOREIGN_PAGE;
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

const FOREIGN_NAME: Response = {
  status: 403,
  contentType: TEXT,
  body:
    "This is not served under this host name, which may be that of a site that leads here. Use the address or localhost; the names of " +
    "--live-allowed-hosts (serve) are served too. With --web-config-file and passwords, or with --insecure, any name is. Probes and " +
    "/metrics are served as ever.\n",
};

const FOREIGN_PAGE: Response = {
  status: 403,
  contentType: TEXT,
  body: "This is not served to other sites' pages, and the Origin header names one.\n",
};

const UNAUTHORIZED: Response = {
  status: 401,
  contentType: TEXT,
  body: "Unauthorized\n",
  headers: { "WWW-Authenticate": 'Basic realm="kvcast", charset="UTF-8"' },
};

function busy(text: string): Response {
  return { status: 429, contentType: TEXT, body: `${text}\n`, headers: { "Retry-After": "1" } };
}
