/**
 * What a load test measures: a service with its engine, started for the test or running already, as far as the test needs to
 * know it. MAIN THREAD.
 */
import { messageOf } from "../../shared/errors.ts";
import { guardedGet } from "../http/guarded-get.ts";
import { FloodUnreachableError } from "./flood-errors.ts";
import { KvcastProcess } from "./kvcast-process.ts";
import { type MetricsPage, parseMetrics } from "./metrics-text.ts";
import type { OwnPipeline, RunningPipeline } from "./plan.ts";

const PAGE_TIMEOUT_MS = 5000;
/** Far beyond any page of ours; the address may be anyone's. */
const MAX_PAGE_BYTES = 8_388_608;
/** A stand-in engine keeps no events, only their number: being behind shall show as a rate, not as a loss. */
const SIM_BUFFER_EVENTS = 10_000_000;

/** What a service says when it has ended: the truth to compare with. */
export interface LastWords {
  readonly publishedEvents: number;
  /** That could not be delivered before the end. */
  readonly droppedEvents: number;
  /** -1 when nothing was sent. */
  readonly lastSequence: number;
}

export interface FloodTarget {
  readonly endpoint: string;
  /** Null when it is not known. */
  readonly blockSizeTokens: number | null;
  readonly memoryBoundBytes: number | null;
  /** Whether its counters and its stream begin with the test. */
  readonly isOwn: boolean;
  /** Null when there is none to be had. Throws when there should be. */
  page(): Promise<MetricsPage | null>;
  /** Most memory it ever held; null when that is not known. */
  peakRssBytes(): number | null;
  /** Never resolves; rejects when it ends by itself. */
  died(): Promise<never>;
  /** Ends it in order, once everything it took is sent. Null from one that is not ours to end. */
  stop(): Promise<LastWords | null>;
  /** Ends it whatever its state; does nothing to one that is not ours. */
  kill(): void;
}

/** Starts the service of the plan, and the engine. Its stream is held until a subscriber is there. */
export async function startPipeline({ source, traffic, serveArgs }: OwnPipeline): Promise<FloodTarget> {
  const { ratePerSecond, blocks, tokens, ranks, removed, seed, burst } = traffic;
  const rate = ratePerSecond === Infinity ? "max" : String(ratePerSecond);
  const parameters = Object.entries({ rate, blocks, tokens, ranks, removed, seed, burst });
  const common = ["--wait-subscribers", "1", "--kv-block-size", `${tokens}`, "--attention-dp-size", `${ranks}`];
  // First, so that whoever wants the clears can have them. The level last: what is said at the start is needed.
  const serve = (engine: string): Promise<KvcastProcess> =>
    KvcastProcess.serve([
      "--clear-on-start",
      "off",
      ...serveArgs,
      ...common,
      "--engine",
      engine,
      "--log-level",
      "info",
    ]);
  if (source === "builtin") {
    const query = parameters.map(([name, value]) => `${name}=${value}`).join("&");
    return ownTarget(await serve(`synthetic:?${query}`), null, tokens);
  }
  const flags = parameters.flatMap(([name, value]) => [`--${name}`, String(value)]);
  const buffer = rate === "max" ? [] : ["--buffer-max-events", String(SIM_BUFFER_EVENTS)];
  const sim = await KvcastProcess.sim([...flags, "--kv-block-size", `${tokens}`, ...buffer]);
  try {
    return ownTarget(await serve(sim.url), sim, tokens);
  } catch (error) {
    sim.kill();
    throw error;
  }
}

function ownTarget(service: KvcastProcess, engine: KvcastProcess | null, tokens: number): FloodTarget {
  return {
    endpoint: service.zmqEndpoint,
    blockSizeTokens: tokens,
    memoryBoundBytes: service.memoryBoundBytes,
    isOwn: true,
    page: () => service.metrics(),
    peakRssBytes: () => service.peakRssBytes(),
    died: () => Promise.race([service.died(), ...(engine === null ? [] : [engine.died()])]),
    async stop() {
      const last = await service.stop();
      await engine?.stop();
      if (last === null) throw new Error("the service ended without its last words");
      return {
        publishedEvents: Number(last["published_events"]),
        droppedEvents: Number(last["dropped_events"]),
        lastSequence: Number(last["last_sequence"]),
      };
    },
    kill() {
      service.kill();
      engine?.kill();
    },
  };
}

/** A service that runs already. Nothing is asked of it yet. */
export function attach({ zmqEndpoint, metricsUrl }: RunningPipeline): FloodTarget {
  let peakRssBytes: number | null = null;
  return {
    endpoint: zmqEndpoint,
    blockSizeTokens: null,
    memoryBoundBytes: null,
    isOwn: false,
    async page() {
      if (metricsUrl === null) return null;
      const page = await fetchPage(metricsUrl);
      peakRssBytes = Math.max(peakRssBytes ?? 0, page.value("process_resident_memory_bytes"));
      return page;
    },
    // Of the moments that were looked at.
    peakRssBytes: () => peakRssBytes,
    died: () => new Promise(() => {}),
    stop: () => Promise.resolve(null),
    kill() {
      // It is not ours.
    },
  };
}

async function fetchPage(url: string): Promise<MetricsPage> {
  try {
    const { status, body } = await guardedGet(new URL(url), { signal: AbortSignal.timeout(PAGE_TIMEOUT_MS) });
    if (status !== 200) throw new Error(`status ${status}`);
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of body) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > MAX_PAGE_BYTES) throw new Error(`more than ${MAX_PAGE_BYTES} bytes`);
    }
    const page = parseMetrics(Buffer.concat(pieces).toString());
    if (!page.types.has("kvcast_sink_sent_events_total")) throw new Error("that is not the page of a kvcast");
    return page;
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : "";
    throw new FloodUnreachableError(`no metrics at ${url}: ${messageOf(error)}${cause}`, error);
  }
}
