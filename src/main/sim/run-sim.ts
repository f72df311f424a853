/**
 * `kvcast sim`: a stand-in for trtllm-serve, over HTTP, with made-up traffic and faults on demand. MAIN THREAD.
 *
 * It answers what kvcast reads, in the engine's own forms, and tells the truth about its events and blocks (`/sim/stats`,
 * `/sim/blocks`), so that tests can compare. Like the engine it has one queue of events and gives each event to one caller.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { BindError, ConfigError, messageOf } from "../../shared/errors.ts";
import { replacement, send } from "./answer.ts";
import { type FeedStats, EventFeed } from "./event-feed.ts";
import { FaultPlan } from "./fault-plan.ts";
import type { Fault, SimConfig } from "./sim-config.ts";
import { SimRoutes } from "./sim-routes.ts";

/** The engine's own: clients have to live with it. */
const KEEP_ALIVE_MS = 5000;
/** How often the buffer catches up with the clock while no one drains it. */
const TICK_MS = 20;

export interface SimIo {
  /** Takes lines for the reader of the terminal. */
  readonly note?: (line: string) => void;
  /** Monotonic milliseconds; tests bring their own. */
  readonly now?: () => number;
}

export interface SimServer {
  /** The port in use, also when 0 was asked for. */
  readonly port: number;
  readonly url: string;
  /** The truth about the events so far. */
  stats(): FeedStats;
  /** Replaces all faults. Windows still count from the start; a restart lies in the future or does not happen. */
  setFaults(faults: readonly Fault[]): void;
  /** Frees the port and ends all connections, hanging ones too. Safe to call twice. */
  close(): Promise<void>;
}

/** Starts the stand-in engine. Throws BindError when the address is not to be had, ConfigError for a contradiction. */
export async function runSim(config: SimConfig, io: SimIo = {}): Promise<SimServer> {
  if (config.eventsForm === "legacy" && config.traffic.ranks > 1) {
    throw new ConfigError("--events-form", "--events-form legacy knows no attention-DP ranks: use --ranks 1");
  }
  const now = io.now ?? ((): number => performance.now());
  const startedAt = now();
  const plan = new FaultPlan(config.traffic.seed, config.faults, () => now() - startedAt);
  const feed = new EventFeed(config, plan, now);
  const routes = new SimRoutes(config, feed, plan, now);

  const open = new Set<ServerResponse>();

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    open.add(response);
    response.once("close", () => open.delete(response));
    serve(request, response, routes, plan).catch((error: unknown) => {
      io.note?.(`sim: ${request.method ?? ""} ${request.url ?? ""} failed: ${messageOf(error)}`);
      response.destroy();
    });
  });
  const port = await listen(server, config.host, config.port);
  const tick = setInterval(() => feed.advance(), TICK_MS);
  const url = `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`;
  let closed: Promise<void> | null = null;
  return {
    port,
    url,
    stats: () => feed.stats(),
    setFaults(faults) {
      feed.advance();
      plan.set(faults);
      feed.planRestarts(faults);
    },
    close() {
      clearInterval(tick);
      closed ??= end(server, open);
      return closed;
    },
  };
}

/** Returns when the last response is closed, so that `stats()` knows of every answer that broke off. */
async function end(server: Server, open: ReadonlySet<ServerResponse>): Promise<void> {
  const responses = [...open].map((response) => once(response, "close"));
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeAllConnections();
  await Promise.all([closed, ...responses]);
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  routes: SimRoutes,
  plan: FaultPlan,
): Promise<void> {
  const path = (request.url ?? "").split("?")[0] ?? "";
  const fault = plan.forAnswer(path);
  if (fault?.kind === "hang") {
    request.resume();
    return;
  }
  const instead = fault === null ? null : replacement(fault, plan);
  if (instead !== null) {
    request.resume();
    send(response, instead, null, plan);
    return;
  }
  const answer = await routes.answer(request, path, response);
  if (answer !== null) send(response, answer, fault, plan);
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      reject(
        new BindError(
          `${host}:${port}`,
          `the stand-in engine cannot listen on ${host}:${port}: ${error.message}; ` +
            "choose another port with --port (0 = any free port)",
          error,
        ),
      );
    });
    server.listen({ host, port, exclusive: true }, resolve);
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}
