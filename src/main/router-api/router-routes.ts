/**
 * The HTTP surface of an index: that of Dynamo's, and a choice of worker. MAIN THREAD.
 *
 * Answers are JSON; whole numbers of 64 bits are written as numbers, and read as numbers or texts of digits.
 */
import { ConfigError } from "../../shared/errors.ts";
import { REPLAY_FRAMINGS } from "../../shared/zmq-wire.ts";
import { peerEndpoint } from "../config/peer-endpoint.ts";
import { addressRefusal, isRefusedAddress } from "../engine/engine-address.ts";
import type { Request, WholeRoute } from "../http/routes.ts";
import type { Response } from "../http/response.ts";
import type { Model, ModelName, Models } from "../router-feed/models.ts";
import type { Workers } from "../router-feed/workers.ts";
import { dumpBody, MAX_DUMPED_PAIRS } from "./dump-body.ts";
import { answerOf, type Found, Queries } from "./query.ts";
import { RequestError, RequestFields } from "./request-fields.ts";
import { guarded, JSON_TYPE, json, statusOf, termsOf } from "./answers.ts";
import { idOf, nameFilter, pairsOf, rankOf } from "./list-filter.ts";
import { type Candidate, choose } from "./route-choice.ts";

const MAX_QUERY_BYTES: number = 8 * 1024 * 1024;
const MAX_ORDER_BYTES: number = 64 * 1024;
const MAX_RANK = 1023;
const MAX_BLOCK_TOKENS = 65_536;
const MAX_COUNT: number = Number.MAX_SAFE_INTEGER;

export interface RouterRoutesOptions {
  readonly models: Models;
  readonly workers: Workers;
  /** For requests that do not say. */
  readonly defaultGroup: string;
  readonly overlapWeight: number;
  readonly temperature: number;
  readonly maxActiveBlocks: number | null;
  /** From 0 to below 1. */
  readonly random: () => number;
}

export function routerRoutes(options: RouterRoutesOptions): readonly WholeRoute[] {
  const api = new RouterApi(options);
  return [
    shared(post("/query", MAX_QUERY_BYTES, [404], (fields) => api.query(fields))),
    shared(post("/query_by_hash", MAX_QUERY_BYTES, [404], (fields) => api.queryByHash(fields))),
    shared(post("/route", MAX_QUERY_BYTES, [404], (fields) => api.route(fields))),
    shared(get("/workers", [], ({ query }) => api.workers(query))),
    // What follows changes the index, has kvcast connect somewhere, or gives out all of it.
    post("/load", MAX_ORDER_BYTES, [404, 409], (fields) => api.load(fields)),
    post("/register", MAX_ORDER_BYTES, [201, 409], (fields) => api.register(fields)),
    post("/unregister", MAX_ORDER_BYTES, [404], (fields) => api.unregister(fields)),
    get("/dump", [400, 413], ({ query }) => api.dump(query)),
  ];
}

/** For everyone who can reach the port, like a scrape. */
function shared(route: WholeRoute): WholeRoute {
  return { ...route, access: "shared" };
}

type Handler = (fields: RequestFields) => Response | Promise<Response>;

function post(path: string, maxBodyBytes: number, codes: readonly number[], handle: Handler): WholeRoute {
  return { path, maxBodyBytes, codes, handler: ({ body }) => guarded(() => handle(new RequestFields(body))) };
}

function get(path: string, codes: readonly number[], handle: (request: Request) => Response): WholeRoute {
  return { path, codes, handler: (request) => guarded(() => handle(request)) };
}

class RouterApi {
  readonly #options: RouterRoutesOptions;
  readonly #queries: Queries = new Queries();

  constructor(options: RouterRoutesOptions) {
    this.#options = options;
  }

  query(fields: RequestFields): Response {
    const model = this.#model(fields);
    return json(200, answerOf(this.#queries.byTokens(model, fields), model.feed.blockSizeTokens));
  }

  queryByHash(fields: RequestFields): Response {
    const model = this.#model(fields);
    return json(200, answerOf(this.#queries.byHashes(model, fields), model.feed.blockSizeTokens));
  }

  route(fields: RequestFields): Response {
    const options = this.#options;
    const model = this.#model(fields);
    const found = this.#queries.find(model, fields);
    const overlapWeight = fields.decimal("overlap_weight", 0, 1e6) ?? options.overlapWeight;
    const temperature = fields.decimal("temperature", 0, 1e6) ?? options.temperature;
    const maxActiveBlocks = fields.integer("max_active_blocks", 0, MAX_COUNT) ?? options.maxActiveBlocks;
    const candidates = this.#candidates(model, found);
    const { chosen, weighed } = choose(candidates, {
      requestBlocks: found.blocks,
      overlapWeight,
      temperature,
      maxActiveBlocks,
      random: options.random,
    });
    const terms = {
      request_blocks: found.blocks,
      overlap_weight: overlapWeight,
      temperature,
      max_active_blocks: maxActiveBlocks,
      workers: weighed.map(termsOf),
    };
    if (chosen === null) {
      const error = candidates.length === 0 ? "there is no worker" : "all workers are over max_active_blocks";
      return json(503, { error, ...terms });
    }
    return json(200, {
      worker_id: chosen.worker,
      dp_rank: chosen.rank,
      overlap_blocks: chosen.overlapBlocks,
      ...terms,
    });
  }

  load(fields: RequestFields): Response {
    const model = this.#model(fields);
    const worker = fields.u64("instance_id");
    const rank = fields.integer("dp_rank", 0, MAX_RANK) ?? 0;
    const blocks = fields.integer("active_blocks", 0, MAX_COUNT);
    const requests = fields.integer("active_requests", 0, MAX_COUNT);
    if (blocks === null && requests === null) throw new RequestError("active_blocks or active_requests must be given");
    if (!model.loads.set(worker, rank, blocks, requests)) throw new RequestError("there are too many ranks", 409);
    return json(200, { status: "ok" });
  }

  register(fields: RequestFields): Response {
    const framing = fields.text("replay_framing") ?? "v2";
    const replayFraming = REPLAY_FRAMINGS.find((known) => known === framing);
    if (replayFraming === undefined) throw new RequestError("replay_framing must be v1 or v2");
    const replay = fields.text("replay_endpoint");
    const sync = fields.flag("sync");
    if (sync && replay === null) throw new RequestError("sync needs replay_endpoint: snapshots come from there");
    const blockSizeTokens = fields.integer("block_size", 1, MAX_BLOCK_TOKENS);
    if (blockSizeTokens === null) throw new RequestError("block_size is missing");
    const refusal = this.#options.workers.register({
      ...this.#modelName(fields),
      worker: fields.u64("instance_id"),
      rank: fields.integer("dp_rank", 0, MAX_RANK) ?? 0,
      blockSizeTokens,
      source: {
        endpoint: endpointOf("endpoint", fields.requiredText("endpoint")),
        replayEndpoint: replay === null ? null : endpointOf("replay_endpoint", replay),
        replayFraming,
        sync,
      },
    });
    if (refusal !== null) throw new RequestError(refusal.message, 409);
    return json(201, { status: "ok" });
  }

  async unregister(fields: RequestFields): Promise<Response> {
    const name = this.#modelName(fields);
    const rank = fields.integer("dp_rank", 0, MAX_RANK);
    if (await this.#options.workers.unregister(name, fields.u64("instance_id"), rank))
      return json(200, { status: "ok" });
    throw new RequestError("there is no such worker", 404);
  }

  workers(query: URLSearchParams): Response {
    return json(200, this.#options.workers.status(nameFilter(query)).map(statusOf));
  }

  dump(query: URLSearchParams): Response {
    const { model: wanted, group } = nameFilter(query);
    const models = [...this.#options.models.all()].filter(
      (model) => (wanted ?? model.model) === model.model && (group ?? model.group) === model.group,
    );
    const filter = { worker: idOf(query, "worker_id"), rank: rankOf(query) };
    const pairs = models.reduce((sum, model) => sum + pairsOf(model, filter), 0);
    if (pairs > MAX_DUMPED_PAIRS) {
      const text = `${pairs} blocks are too many for one answer, which may have ${MAX_DUMPED_PAIRS}`;
      throw new RequestError(`${text}; ask for one worker with ?worker_id=`, 413);
    }
    return { status: 200, contentType: JSON_TYPE, body: dumpBody(models, filter) };
  }

  #candidates(model: Model, { overlaps }: Found): Candidate[] {
    const { feed, loads } = model;
    const found = new Map<string, Candidate>();
    const add = (worker: bigint, rank: number, overlapBlocks: number): void => {
      const load = loads.find(worker, rank);
      const activeBlocks = load?.activeBlocks ?? 0;
      const activeRequests = load?.activeRequests ?? null;
      found.set(`${worker}:${rank}`, { worker, rank, overlapBlocks, activeBlocks, activeRequests });
    };
    for (const owner of feed.index.owners.all()) {
      const { worker, rank } = feed.index.owners.name(owner);
      add(worker, rank, 0);
    }
    // A worker that has told of nothing yet is as good as any for what nobody has.
    for (const { registration, ranks } of this.#options.workers.status(model)) {
      if (ranks.length === 0) add(registration.worker, registration.rank, 0);
    }
    for (const { worker, rank } of loads.all()) add(worker, rank, 0);
    for (const { worker, rank, device } of overlaps) add(worker, rank, device);
    return [...found.values()];
  }

  #modelName(fields: RequestFields): ModelName {
    return {
      model: fields.requiredText("model_name"),
      group: fields.text("routing_group") ?? this.#options.defaultGroup,
    };
  }

  #model(fields: RequestFields): Model {
    const model = this.#options.models.find(this.#modelName(fields));
    if (model === null) throw new RequestError("no worker of this model and routing group was registered", 404);
    return model;
  }
}

/** Comes over HTTP, so it may lead everywhere but to where credentials are handed out. */
function endpointOf(name: string, text: string): string {
  try {
    const endpoint = peerEndpoint.parse(text, { label: name, option: name });
    const host = /^tcp:\/\/(.*):\d+$/.exec(endpoint)?.[1] ?? "";
    if (isRefusedAddress(host)) throw new RequestError(`${name}: ${addressRefusal(host).message}`);
    return endpoint;
  } catch (error) {
    if (error instanceof ConfigError) throw new RequestError(error.message);
    throw error;
  }
}
