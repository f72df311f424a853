/**
 * Starts the HTTP server on whichever implementation this machine can run. MAIN THREAD.
 *
 * hyper-express serves where its native parser loads; elsewhere (another Node version, another libc) `node:http` serves
 * the same route table, as it does wherever there is a web configuration, because the native server knows neither its TLS nor
 * who is asked for what. Which of them it is, and why, is logged.
 */
import { KvcastError } from "../../shared/errors.ts";
import { WEB_CONFIG_PLACE } from "../config/http-options.ts";
import type { Logger } from "../log.ts";
import { PasswordDoor } from "../web-config/password-door.ts";
import { WebConfigFile } from "../web-config/web-config-file.ts";
import { Access } from "./access.ts";
import { loadHyperExpress, startHyperExpressServer } from "./hyper-express-server.ts";
import type { Listener } from "./listener.ts";
import { startNodeServer } from "./node-server.ts";
import { RequestCounts } from "./request-counts.ts";
import { Dispatcher, type Route } from "./routes.ts";

export type HttpImplementation = "hyper-express" | "node";

export interface HttpServerOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly routes: readonly Route[];
  readonly log: Logger;
  /** Default `auto`: hyper-express if it can be loaded, else node. */
  readonly implementation?: "auto" | HttpImplementation;
  /** Where answered requests are counted. */
  readonly requests?: RequestCounts;
  /** What is private is served to everyone who can reach the address. Default: not. */
  readonly insecure?: boolean;
  /** Further names, in lower case, under which an address of this machine serves what is private. Default: none. */
  readonly allowedHosts?: readonly string[];
  /** Prometheus' web configuration, by the name of its file. Default: none. */
  readonly webConfigFile?: string | null;
}

export interface HttpServer {
  readonly implementation: HttpImplementation;
  /** The port in use, also when 0 was asked for. */
  readonly port: number;
  /** `http://host:port` without a trailing slash; `https:` where the web configuration says so. */
  readonly url: string;
  /** Whether anyone may have what is private, as things are. */
  readonly servesPrivate: boolean;
  /**
   * Frees the port and lets running handlers finish for a moment; takes 200 ms at most. Idle connections end too, with
   * hyper-express only at their next request or after some 10 s.
   */
  close(): Promise<void>;
}

/** Throws a BindError when the address is taken or not ours, a ConfigError for a bad web configuration. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, log, webConfigFile = null } = options;
  const wanted = options.implementation ?? "auto";
  const webConfig = webConfigFile === null ? null : await openWebConfig(webConfigFile, log);
  if (webConfig !== null && wanted === "hyper-express") {
    throw new KvcastError("KVCAST_HTTP_UNAVAILABLE", "hyper-express cannot serve a web configuration");
  }
  const access = new Access({
    host,
    allowedHosts: options.allowedHosts ?? [],
    isInsecure: options.insecure ?? false,
    webConfig,
  });
  const dispatcher = new Dispatcher(options.routes, log, options.requests ?? new RequestCounts(), access);

  let implementation: HttpImplementation = "node";
  let listener: Listener | null = null;
  if (wanted !== "node" && webConfig === null) {
    const loaded = await loadHyperExpress();
    if (loaded.ok) {
      implementation = "hyper-express";
      listener = await startHyperExpressServer(loaded.library, host, port, dispatcher);
    } else if (wanted === "hyper-express") {
      throw new KvcastError("KVCAST_HTTP_UNAVAILABLE", `hyper-express cannot be used: ${loaded.reason}`);
    } else {
      log.info("HTTP is served by node:http", { reason: loaded.reason });
    }
  }
  const isTls = webConfig !== null && webConfig.file.current.tls !== null;
  const tls = isTls ? { file: webConfig.file, log } : null;
  listener ??= await startNodeServer({ host, port, dispatcher, tls });
  const bound = listener;
  const boundPort = bound.port;
  log.debug("HTTP server started", { implementation, host, port: boundPort, tls: isTls });
  return {
    implementation,
    port: boundPort,
    url: `${isTls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${boundPort}`,
    get servesPrivate() {
      return access.servesPrivate;
    },
    async close() {
      await bound.close();
      webConfig?.passwords.close();
    },
  };
}

async function openWebConfig(
  name: string,
  log: Logger,
): Promise<{ readonly file: WebConfigFile; readonly passwords: PasswordDoor }> {
  const file = await WebConfigFile.open(name, WEB_CONFIG_PLACE, {
    onRenewed: () => log.info("the web configuration was read again", { file: name }),
    onBad: (error) =>
      log.error("the web configuration or a file that it names is bad; what was read before stays in use", {
        error: error.message,
      }),
  });
  return { file, passwords: new PasswordDoor() };
}
