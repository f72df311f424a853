/**
 * Publishes KV-cache events that the calling program holds itself: the library's counterpart of the Python class of the
 * same name, on the pipeline that `kvcast serve` runs on. Call it from one thread, the main one as a rule; encoding
 * and sending happen on two threads of its own.
 *
 *   const publisher = new ZmqKvEventPublisher({ zmqEndpoint: "tcp://127.0.0.1:5557", kvBlockSize: 32 });
 *   await publisher.ready;
 *   while (!publisher.publishStored(tokenIds, [32], [hash])) await publisher.writable();
 *   await publisher.shutdown();
 */
import { readAllowFile } from "./curve/allow-file.ts";
import { CurveGate } from "./curve/curve-gate.ts";
import { readSecretKeyFile } from "./curve/secret-key-file.ts";
import type { Place } from "./config/option-spec.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import { InvalidEventError } from "../shared/errors.ts";
import type { WireFormat } from "../shared/wire-format.ts";
import { type BlockHash, type BlockMmInfo, halves, MAX_U32, requireInteger, u32Tokens } from "./event-arguments.ts";
import { PUBLISHED_KIND, PublishedEvent } from "./normalise/published-event.ts";
import { Pipeline } from "./pipeline/pipeline.ts";

const DEFAULT_QUEUE_BYTES = 256 * 1024 * 1024;
const RING_SLOTS = 16;
const SLOT_BYTES = 96 * 1024;
const SHUTDOWN_DEADLINE_MS = 4500;
const MAX_RANK = 0x7fffffff;

export interface ZmqKvEventPublisherOptions {
  /** Address to bind, `tcp://host:port` (port `*` for any) or `ipc://path`. */
  readonly zmqEndpoint: string;
  /** Tokens in a block; goes out with every stored event. */
  readonly kvBlockSize: number;
  /** First frame of every message, UTF-8. Default: empty. */
  readonly topic?: string;
  /** Default `vllm`; `dynamo` is byte for byte what the Python class sends. */
  readonly wireFormat?: WireFormat;
  /** Rank of events that name none. Default 0. */
  readonly dataParallelRank?: number;
  /** Most bytes that may wait for one subscriber before it loses messages. Default 256 MiB. */
  readonly queueBytes?: number;
  /**
   * Files as of `kvcast keygen`: the publisher's secret key, and the public keys of the clients that may connect, one a line; null
   * for all that know the publisher's. With it the socket demands CURVE. A process has one handler for that: of several
   * threads that load this library one only may use it. Default: none, and whoever connects reads what is published.
   */
  readonly curve?: { readonly secretKeyFile: string; readonly allowFile: string | null };
  /** Told when a thread died that cannot be replaced; nothing is published any more. Default: throws asynchronously. */
  readonly onFatal?: (error: Error) => void;
}

export interface StoredOptions {
  /** Hash of the block before the first one; null for the root of a chain. Default null. */
  readonly parentHash?: BlockHash | null;
  /** One entry a block. Left out: the event says nothing about multimodal content. */
  readonly blockMmInfos?: readonly BlockMmInfo[];
  /** Default: the publisher's `dataParallelRank`. */
  readonly attentionDpRank?: number;
  readonly loraName?: string | null;
  /** Only the dialects that have a field for it send it. 0 means none. */
  readonly loraId?: number;
  readonly cacheSalt?: string | null;
}

export class ZmqKvEventPublisher {
  readonly kvBlockSize: number;
  readonly topic: string;
  readonly dataParallelRank: number;
  /** Resolves when the address is bound; rejects with BindError. Events may be published before. */
  readonly ready: Promise<void>;
  readonly #requestedEndpoint: string;
  readonly #pipeline: Pipeline;
  readonly #event: PublishedEvent = new PublishedEvent();
  #shutdown: Promise<void> | null = null;
  /** Why nothing can be published any more. */
  #failure: Error | null = null;

  constructor(options: ZmqKvEventPublisherOptions) {
    this.kvBlockSize = options.kvBlockSize;
    this.topic = options.topic ?? "";
    this.dataParallelRank = options.dataParallelRank ?? 0;
    this.#requestedEndpoint = options.zmqEndpoint;
    requireInteger("kvBlockSize", options.kvBlockSize, 1, MAX_U32);
    requireInteger("dataParallelRank", this.dataParallelRank, 0, MAX_RANK);
    const fatal = options.onFatal ?? throwLater;
    const gate = options.curve === undefined ? null : gateOf(options.curve);
    this.#pipeline = new Pipeline({
      encoders: 1,
      ringSlots: RING_SLOTS,
      slotBytes: SLOT_BYTES,
      wireFormat: options.wireFormat ?? "vllm",
      kvBlockSizeTokens: options.kvBlockSize,
      zmq: {
        endpoint: options.zmqEndpoint,
        topic: this.topic,
        queueBytes: options.queueBytes ?? DEFAULT_QUEUE_BYTES,
        waitSubscribers: 0,
        waitSubscribersTimeoutMs: 0,
        curve: gate?.server("live") ?? null,
      },
      gate,
      onEncoderRestart: () => {},
      onGateOpen: () => {},
      onSendFailed: () => {},
      onFatal: (error) => {
        this.#failure ??= error;
        fatal(error);
      },
    });
    this.ready = this.#pipeline.start();
    // Whoever does not wait for `ready` must not be killed by its rejection; the error is there for whoever does, and is
    // thrown again by whatever is published afterwards.
    this.ready.catch((error: Error) => (this.#failure ??= error));
  }

  /** The bound address, with the real port once `ready` has resolved. */
  get zmqEndpoint(): string {
    return this.#pipeline.zmqEndpoint() ?? this.#requestedEndpoint;
  }

  /** The sequence number of the next message, as far as the publisher thread has got. Starts at 0. */
  get sequence(): number {
    return this.#pipeline.publisher.read(PUBLISHER_CELLS.publishedSequence) + 1;
  }

  /** Subscriptions that are in force now, polled a few times a second. */
  get subscribers(): number {
    return this.#pipeline.publisher.read(PUBLISHER_CELLS.zmqSubscribers);
  }

  /**
   * Publishes blocks that the engine has stored. True: taken, it will be sent in order. False: the pipeline is full and
   * nothing was taken; await `writable()` and call again. Throws InvalidEventError for what cannot go on the wire; no
   * sequence number is used then. Throws BindError or ThreadDiedError when the address could not be bound, or a thread
   * died that cannot be replaced.
   *
   * `tokenIds` are the tokens of all blocks (u32), `numBlockTokens` how many belong to each, `blockHashes` one per block.
   */
  publishStored(
    tokenIds: ArrayLike<number>,
    numBlockTokens: readonly number[],
    blockHashes: readonly BlockHash[],
    options: StoredOptions = {},
  ): boolean {
    this.#requireOpen();
    if (numBlockTokens.length !== blockHashes.length) {
      throw new InvalidEventError(
        `${blockHashes.length} block hashes, but token counts of ${numBlockTokens.length} blocks`,
      );
    }
    const tokens = numBlockTokens.reduce((sum, count) => sum + count, 0);
    if (tokens !== tokenIds.length) {
      throw new InvalidEventError(`${tokenIds.length} token ids, but the blocks hold ${tokens}`);
    }
    const event = this.#event;
    event.begin(PUBLISHED_KIND.stored, this.#rank(options.attentionDpRank));
    this.#addHashes(blockHashes);
    event.addTokens(u32Tokens(tokenIds), 0, tokenIds.length);
    if (options.parentHash !== undefined && options.parentHash !== null) {
      const { lo, hi } = halves(options.parentHash);
      event.hasParent = true;
      event.parentLo = lo;
      event.parentHi = hi;
    }
    event.loraName = options.loraName ?? null;
    event.loraId = options.loraId ?? 0;
    requireInteger("loraId", event.loraId, 0, MAX_U32);
    event.cacheSalt = options.cacheSalt ?? null;
    if (options.blockMmInfos !== undefined) this.#addMmInfos(options.blockMmInfos, blockHashes.length);
    return this.#offer();
  }

  /** Publishes blocks that the engine has removed. Result and errors as for `publishStored`. */
  publishRemoved(blockHashes: readonly BlockHash[], attentionDpRank?: number): boolean {
    this.#requireOpen();
    this.#event.begin(PUBLISHED_KIND.removed, this.#rank(attentionDpRank));
    this.#addHashes(blockHashes);
    return this.#offer();
  }

  /** Publishes that a rank holds no blocks any more. Result and errors as for `publishStored`. */
  publishAllCleared(attentionDpRank?: number): boolean {
    this.#requireOpen();
    this.#event.begin(PUBLISHED_KIND.cleared, this.#rank(attentionDpRank));
    return this.#offer();
  }

  /** Resolves when there may be room again. */
  writable(): Promise<void> {
    return this.#pipeline.writable();
  }

  /**
   * Sends what was taken, closes the socket, ends the threads; takes 5 s at most. While anyone is subscribed it waits half
   * a second for what is still in the socket's queues. Safe to call twice.
   */
  shutdown(): Promise<void> {
    this.#shutdown ??= this.#stop();
    return this.#shutdown;
  }

  async #stop(): Promise<void> {
    await this.#pipeline.stop(SHUTDOWN_DEADLINE_MS);
  }

  #offer(): boolean {
    const taken = this.#pipeline.offer(this.#event);
    this.#pipeline.flush();
    return taken;
  }

  #requireOpen(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#shutdown !== null) throw new InvalidEventError("the publisher has been shut down");
  }

  #rank(rank: number | undefined): number {
    const value = rank ?? this.dataParallelRank;
    requireInteger("attentionDpRank", value, 0, MAX_RANK);
    return value;
  }

  #addHashes(hashes: readonly BlockHash[]): void {
    for (const hash of hashes) {
      const { lo, hi } = halves(hash);
      this.#event.addHash(lo, hi);
    }
  }

  #addMmInfos(infos: readonly BlockMmInfo[], blocks: number): void {
    if (infos.length !== blocks)
      throw new InvalidEventError(`${blocks} blocks, but multimodal infos of ${infos.length}`);
    this.#event.mmListPresent = true;
    if (infos.some((info) => info !== null && info.mmHashes.length > 0)) {
      this.#event.mmInfos = infos.map((info) => (info === null ? null : info.mmHashes.map(halves)));
    }
  }
}

function throwLater(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}

/** Throws ConfigError for files that cannot be used. */
function gateOf({ secretKeyFile, allowFile }: NonNullable<ZmqKvEventPublisherOptions["curve"]>): CurveGate {
  const keys = readSecretKeyFile({ file: secretKeyFile, place: placeOf("secretKeyFile") });
  const clients = allowFile === null ? "any" : { file: allowFile, place: placeOf("allowFile") };
  if (typeof clients !== "string") readAllowFile(clients);
  return new CurveGate({ keys, clients }, null);
}

function placeOf(name: string): Place {
  return { label: `curve.${name}`, option: `curve.${name}` };
}
