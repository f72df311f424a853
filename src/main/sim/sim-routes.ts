/**
 * What the stand-in engine answers on each route. MAIN THREAD.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Answer, jsonAnswer, textAnswer } from "./answer.ts";
import { Completions, COMPLETIONS_ROUTE } from "./completions.ts";
import { MODEL_NAME, viewOf } from "./engine-view.ts";
import type { EventFeed } from "./event-feed.ts";
import { EventJsonWriter } from "./event-json.ts";
import type { FaultPlan } from "./fault-plan.ts";
import { IterationStats } from "./iteration-stats.ts";
import { prometheusText } from "./prometheus-text.ts";
import { RequestRecords } from "./request-records.ts";
import { type DrainGeneration, EVENTS_ROUTE, type SimConfig } from "./sim-config.ts";

const DEFAULT_HOLD_MS = 2000;
/** How often a held call looks for news; the engine's worker does so every 100 ms. */
const MAX_LOOK_MS = 100;
/** What the clock calibration route waits between its two readings. */
const CLOCK_PAUSE_MS = 200;
/** The engine's steady clock counts from an arbitrary moment. */
const STEADY_OFFSET_SECONDS = 1_946_900;
/** A version that has the drain behaviour of its generation. */
const VERSIONS: Record<DrainGeneration, string> = { a: "1.1.0", b: "1.2.0", c: "1.3.0rc24" };
const UNHEALTHY_TEXT = "LLM is unavailable. Please check the server logs for more details.";

type Handler = (response: ServerResponse, request: IncomingMessage) => Answer | null | Promise<Answer | null>;
interface Route {
  readonly method: "GET" | "POST";
  readonly handler: Handler;
}

function get(handler: Handler): Route {
  return { method: "GET", handler };
}

export class SimRoutes {
  readonly #config: SimConfig;
  readonly #feed: EventFeed;
  readonly #plan: FaultPlan;
  readonly #now: () => number;
  readonly #holdMs: number;
  readonly #writer: EventJsonWriter;
  readonly #iterations: IterationStats;
  readonly #requests: RequestRecords = new RequestRecords();
  readonly #completions: Completions;
  readonly #createdSeconds: number = Math.floor(Date.now() / 1000);
  readonly #table: ReadonlyMap<string, Route>;

  constructor(config: SimConfig, feed: EventFeed, plan: FaultPlan, now: () => number) {
    this.#config = config;
    this.#feed = feed;
    this.#plan = plan;
    this.#now = now;
    this.#holdMs = config.holdMs ?? DEFAULT_HOLD_MS;
    this.#writer = new EventJsonWriter(config.eventsForm, config.traffic.ranks);
    this.#iterations = new IterationStats(now);
    this.#completions = new Completions(config.generation);
    this.#table = new Map<string, Route>([
      [
        EVENTS_ROUTE,
        { method: config.eventsVerb === "get" ? "GET" : "POST", handler: (response) => this.#drain(response) },
      ],
      ["/metrics", get(() => this.#iterationRows())],
      ["/perf_metrics", get(() => jsonAnswer(this.#records()))],
      ["/prometheus/metrics", get(() => this.#prometheus())],
      ["/health", get(() => this.#health())],
      ["/version", get(() => jsonAnswer({ version: VERSIONS[config.generation] }))],
      ["/v1/models", get(() => this.#models())],
      ["/steady_clock_offset", get(() => this.#clock())],
      ["/server_info", get(() => jsonAnswer(serverInfo(config)))],
      [COMPLETIONS_ROUTE, { method: "POST", handler: (_, request) => this.#complete(request) }],
      ["/sim/completions", get(() => jsonAnswer(this.#completions.counts))],
      ["/sim/stats", get(() => jsonAnswer(feed.stats()))],
      ["/sim/blocks", get(() => jsonAnswer(feed.content()))],
    ]);
  }

  /** The answer of a route; null for none: the client left while its call was held, which takes no events, or nobody is there. */
  async answer(request: IncomingMessage, path: string, response: ServerResponse): Promise<Answer | null> {
    const route = this.#table.get(path);
    // Only one route takes a body; unread it would block the connection.
    if (path !== COMPLETIONS_ROUTE || request.method !== route?.method) request.resume();
    if (route === undefined) return jsonAnswer({ detail: "Not Found" }, 404);
    if (route.method !== request.method) {
      return { ...jsonAnswer({ detail: "Method Not Allowed" }, 405), allow: route.method };
    }
    return route.handler(response, request);
  }

  async #complete(request: IncomingMessage): Promise<Answer | null> {
    const answer = await this.#completions.answer(request);
    if (this.#plan.is("unhealthy")) return jsonAnswer({ object: "error", message: "", code: 500 }, 500);
    return this.#plan.is("zombie") ? null : answer;
  }

  async #drain(response: ServerResponse): Promise<Answer | null> {
    if (this.#config.generation !== "c" && !(await this.#hold(response))) return null;
    if (this.#plan.is("zombie")) return jsonAnswer([]);
    const events = this.#feed.drain(this.#writer);
    if (this.#plan.is("mute")) {
      this.#writer.finish();
      this.#feed.broken(events);
      return jsonAnswer([]);
    }
    return {
      status: 200,
      contentType: "application/json",
      body: this.#writer.finish(),
      onBroken: () => this.#feed.broken(events),
    };
  }

  /** Waits as the generation does. False when the client left meanwhile. */
  #hold(response: ServerResponse): Promise<boolean> {
    const untilQuiet = this.#config.generation === "a";
    return new Promise((resolve) => {
      let since = this.#now();
      let seen = this.#feed.stats().generated;
      const timer = setInterval(
        () => {
          const { generated } = this.#feed.stats();
          if (untilQuiet && generated !== seen) since = this.#now();
          seen = generated;
          if (this.#now() - since >= this.#holdMs) settle(true);
        },
        Math.min(Math.max(this.#holdMs / 10, 1), MAX_LOOK_MS),
      );
      const left = (): void => settle(false);
      const settle = (whole: boolean): void => {
        clearInterval(timer);
        response.off("close", left);
        resolve(whole);
      };
      response.once("close", left);
    });
  }

  /** An engine that keeps no statistics looks for some as long as it looks for events. */
  async #iterationRows(): Promise<Answer> {
    if (this.#plan.is("zombie")) return jsonAnswer([]);
    if (this.#config.iterationStats ?? true) return jsonAnswer(this.#iterations.take(viewOf(this.#feed, this.#config)));
    await new Promise<void>((resolve) => {
      setTimeout(resolve, this.#holdMs);
    });
    return jsonAnswer([]);
  }

  #records(): readonly object[] {
    const kind = this.#config.perfMetrics ?? "on";
    if (kind === "off" || this.#plan.is("zombie")) return [];
    return this.#requests.take(viewOf(this.#feed, this.#config), this.#steadySeconds(), kind === "decode");
  }

  #prometheus(): Answer {
    if (!(this.#config.prometheus ?? true)) return jsonAnswer({ detail: "Not Found" }, 404);
    const text = prometheusText(viewOf(this.#feed, this.#config));
    return { ...textAnswer(text), contentType: "text/plain; version=0.0.4; charset=utf-8" };
  }

  #health(): Answer {
    if (this.#plan.is("unhealthy")) return textAnswer(UNHEALTHY_TEXT, 503);
    return { status: 200, contentType: "text/plain; charset=utf-8", body: [] };
  }

  #models(): Answer {
    const model = { id: MODEL_NAME, object: "model", created: this.#createdSeconds, owned_by: "tensorrt_llm" };
    return jsonAnswer({ object: "list", data: [model] });
  }

  async #clock(): Promise<Answer> {
    const received = this.#steadySeconds();
    await new Promise<void>((resolve) => {
      setTimeout(resolve, CLOCK_PAUSE_MS);
    });
    return jsonAnswer({ receive_ts: received, transmit_ts: this.#steadySeconds() });
  }

  #steadySeconds(): number {
    return STEADY_OFFSET_SECONDS + this.#now() / 1000;
  }
}

function serverInfo(config: SimConfig): object {
  return {
    kv_cache_event_hash_algo: hashAlgorithm(config),
    kv_cache_config: { tokens_per_block: config.kvBlockSizeTokens, event_buffer_max_size: config.bufferMaxEvents },
    disaggregation_mode: config.perfMetrics === "decode" ? "decode" : "prefill_and_decode",
    backend: "pytorch",
  };
}

function hashAlgorithm(config: SimConfig): string {
  const { eventsForm } = config;
  return eventsForm === "v2_sha256" || eventsForm === "v2_sha256_64" ? eventsForm : "v1_block_key";
}
