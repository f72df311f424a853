/**
 * The workers that were registered, by name and by hand, and their inputs. MAIN THREAD.
 */
import type { Logger } from "../log.ts";
import { NO_OWNER } from "../router-index/rank-owners.ts";
import type { Model, ModelName, Models } from "./models.ts";
import { type InputState, ZmqInput, type ZmqSource } from "./zmq-input.ts";

/** Each has sockets and buffers of its own. */
const MAX_WORKERS = 1024;

export interface Registration extends ModelName {
  /** u64. */
  readonly worker: bigint;
  /** Of messages that do not say. */
  readonly rank: number;
  readonly blockSizeTokens: number;
  readonly source: ZmqSource;
}

interface Registered {
  readonly registration: Registration;
  readonly model: Model;
  readonly input: ZmqInput;
}

/** A rank of a model. */
interface Told {
  readonly model: Model;
  readonly told: number;
}

export interface WorkerStatus {
  readonly registration: Registration;
  readonly state: InputState;
  /** Ranks that it has told of. */
  readonly ranks: readonly number[];
}

/** Why a worker was not registered, in words for whoever asked. */
export interface Refusal {
  readonly conflict: boolean;
  readonly message: string;
}

export class Workers {
  readonly #models: Models;
  readonly #log: Logger;
  readonly #workers: Map<string, Registered> = new Map();

  constructor(models: Models, log: Logger) {
    this.#models = models;
    this.#log = log;
  }

  /** Connects, if it is not registered already. */
  register(registration: Registration): Refusal | null {
    const { worker, rank, source, blockSizeTokens } = registration;
    const key = keyOf(registration, worker, rank);
    const known = this.#workers.get(key);
    if (known !== undefined) {
      const { endpoint } = known.registration.source;
      return endpoint === source.endpoint && known.registration.blockSizeTokens === blockSizeTokens
        ? null
        : refusal(`worker ${worker} rank ${rank} is registered already, with ${endpoint}`);
    }
    if (this.#workers.size === MAX_WORKERS) return refusal(`there are ${MAX_WORKERS} workers already`);
    const model = this.#models.take(registration, blockSizeTokens);
    if (model === null) return refusal("there are too many models already");
    if (model.feed.blockSizeTokens !== blockSizeTokens) {
      return refusal(`the model has blocks of ${model.feed.blockSizeTokens} tokens, not of ${blockSizeTokens}`);
    }
    const input = new ZmqInput({ source, worker, rank, feed: model.feed, log: this.#log });
    this.#workers.set(key, { registration, model, input });
    input.start();
    this.#log.info("a worker was registered", { worker: String(worker), dp_rank: rank, endpoint: source.endpoint });
    return null;
  }

  /**
   * Forgets a worker, or one rank of it, and what it holds, at once: who is registered anew before the sockets are closed begins with
   * nothing, and keeps what it learns. So are ranks that are known over NATS alone, as nobody else says when they are gone.
   * Returns whether there was anything.
   */
  async unregister(name: ModelName, worker: bigint, rank: number | null): Promise<boolean> {
    const gone = [...this.#workers].filter(
      ([, { registration: of }]) =>
        of.model === name.model &&
        of.group === name.group &&
        of.worker === worker &&
        (rank === null || of.rank === rank),
    );
    for (const [key] of gone) this.#workers.delete(key);
    const stopped: Promise<void>[] = [];
    for (const [, { model, input, registration }] of gone) {
      stopped.push(input.stop());
      for (const told of new Set([registration.rank, ...input.ranks])) this.#forget(model, worker, told);
      this.#log.info("a worker was unregistered", { worker: String(worker), dp_rank: registration.rank });
    }
    const others = this.#unregistered(name, worker, rank);
    for (const { model, told } of others) this.#forget(model, worker, told);
    await Promise.all(stopped);
    return gone.length + others.length > 0;
  }

  /** Ranks of a worker, or one of them, that the model knows and no publisher that is registered tells of. */
  #unregistered({ model: named, group }: ModelName, worker: bigint, rank: number | null): Told[] {
    const model = this.#models.find({ model: named, group });
    if (model === null) return [];
    const { owners } = model.feed.index;
    const registered = [...this.#workers.values()].filter(
      ({ registration, model: of }) => of === model && registration.worker === worker,
    );
    return owners
      .of(worker)
      .map((owner) => ({ model, told: owners.name(owner).rank }))
      .filter(({ told }) => (rank === null || told === rank) && !registered.some(({ input }) => input.ranks.has(told)));
  }

  /** Of one model, or of all. */
  status(name: Partial<ModelName>): readonly WorkerStatus[] {
    return [...this.#workers.values()]
      .filter(
        ({ registration: { model, group } }) => (name.model ?? model) === model && (name.group ?? group) === group,
      )
      .map(({ registration, input }) => ({ registration, state: input.state, ranks: [...input.ranks] }));
  }

  async stop(): Promise<void> {
    await Promise.all(Array.from(this.#workers.values(), ({ input }) => input.stop()));
  }

  #forget(model: Model, worker: bigint, rank: number): void {
    model.loads.forget(worker, rank);
    const owner = model.feed.index.owners.find(worker, rank);
    if (owner === NO_OWNER) return;
    model.feed.drop(owner, "unregistered");
    model.feed.index.forget(owner);
  }
}

function keyOf({ model, group }: ModelName, worker: bigint, rank: number): string {
  return `${worker}:${rank}:${model.length}:${model}:${group}`;
}

function refusal(message: string): Refusal {
  return { conflict: true, message };
}
