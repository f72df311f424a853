/**
 * Starts the HTTP server on whichever implementation this machine can run. MAIN THREAD.
 *
 * hyper-express serves where its native parser loads; elsewhere (another Node version, another libc) `node:http` serves
 * the same route table. Which of them it is, and why, is logged.
 */
import { KvcastError } from "../../shared/errors.ts";
import type { Logger } from "../log.ts";
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
}

export interface HttpServer {
  readonly implementation: HttpImplementation;
  /** The port in use, also when 0 was asked for. */
  readonly port: number;
  /** `http://host:port` without a trailing slash. */
  readonly url: string;
  /**
   * Frees the port and lets running handlers finish for a moment; takes 200 ms at most. Idle connections end too, with
   * hyper-express only at their next request or after some 10 s.
   */
  close(): Promise<void>;
}

/** Throws a BindError when the address is taken or not ours. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, log } = options;
  const wanted = options.implementation ?? "auto";
  const dispatcher = new Dispatcher(options.routes, log, options.requests ?? new RequestCounts());

  let implementation: HttpImplementation = "node";
  let listener: Listener | null = null;
  if (wanted !== "node") {
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
  listener ??= await startNodeServer(host, port, dispatcher);
  log.debug("HTTP server started", { implementation, host, port: listener.port });
  return {
    implementation,
    port: listener.port,
    url: `http://${host.includes(":") ? `[${host}]` : host}:${listener.port}`,
    close: () => listener.close(),
  };
}
