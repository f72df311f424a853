/**
 * What a worker does with a command, and what it answers. MAIN THREAD; no sockets.
 *
 *   worker_metadata   REPLY with its blocks
 *   leader_metadata   ACK at once; the first sound one begins the allocation, later ones change nothing
 *   ping              ACK once that is done; until then nothing
 *   transfer_blocks   ACK when it is over, also when it failed
 *   any handler       REPLY with what it returns, or ACK
 *
 * What cannot be carried out is refused, what fails is said to have failed; the worker lives on in either case. Commands are
 * carried out side by side, up to a limit.
 */
import { messageOf } from "../../shared/errors.ts";
import type { AnswerNote } from "./answer-note.ts";
import { ClusterPayloadError } from "./cluster-error.ts";
import { answerFrames, type Command, MAX_PAYLOAD_BYTES, parseCommand, refusalFrames } from "./frames.ts";
import { decodeLeaderMetadata, encodeWorkerMetadata, type LeaderMetadata, type WorkerMetadata } from "./metadata.ts";
import { callOutside } from "./outside.ts";
import { checkPools, decodeTransfer, type TransferRequest } from "./transfer.ts";

/** Commands under way; more are refused. */
const MAX_UNDER_WAY = 64;

const OWN_FUNCTIONS = ["worker_metadata", "leader_metadata", "ping", "transfer_blocks"];

/**
 * Carries out a command; resolves with the payload of the answer, or null for none. What it throws is told to the leader; a
 * ClusterPayloadError means that the data made no sense and nothing was done.
 */
export type CommandHandler = (data: readonly Buffer[], signal: AbortSignal) => Promise<Uint8Array | null>;

export type ProblemKind = "bad_frame" | "unknown_function" | "bad_payload" | "failed" | "busy" | "answer_lost";

/** Something that a command or its answer came to grief over. */
export interface WorkerProblem {
  readonly kind: ProblemKind;
  /** The function, as far as it is known. Comes from outside. */
  readonly name: string | null;
  readonly message: string;
}

export interface WorkerDuties {
  readonly metadata: () => WorkerMetadata;
  /** Sets up the caches. Default: there is nothing to set up. */
  readonly allocate?: (plan: LeaderMetadata, signal: AbortSignal) => Promise<void>;
  /** Copies blocks. Default: the function is unknown. */
  readonly transfer?: (request: TransferRequest, signal: AbortSignal) => Promise<void>;
  /** Further functions by name. */
  readonly handlers?: Readonly<Record<string, CommandHandler>>;
  readonly onProblem?: (problem: WorkerProblem) => void;
}

export interface WorkerIdentity {
  /** Null: answers have no notes, but for refusals and failures. */
  readonly worker: string | null;
  readonly boot: string;
}

export class WorkerDesk {
  readonly #identity: WorkerIdentity;
  readonly #duties: WorkerDuties;
  readonly #handlers: ReadonlyMap<string, CommandHandler>;
  readonly #signal: AbortSignal;
  #underWay: number = 0;
  #allocation: "none" | "running" | "done" = "none";

  /** `signal` ends what is under way. Throws RangeError for a handler that has the name of a function of the protocol. */
  constructor(identity: WorkerIdentity, duties: WorkerDuties, signal: AbortSignal) {
    this.#identity = identity;
    this.#duties = duties;
    this.#signal = signal;
    this.#handlers = new Map(Object.entries(duties.handlers ?? {}));
    const taken = OWN_FUNCTIONS.find((name) => this.#handlers.has(name));
    if (taken !== undefined) throw new RangeError(`${taken} is a function of the protocol and takes no handler`);
  }

  /** Whether pings are answered. */
  get isReady(): boolean {
    return this.#allocation === "done";
  }

  /** The frames of the answer, or null when there is none. Never rejects. */
  async handle(frames: readonly Buffer[]): Promise<Buffer[] | null> {
    const command = parseCommand(frames);
    if (typeof command === "string") {
      this.#tell("bad_frame", null, `a command of ${frames.length} frames cannot be read: ${command}`);
      return null;
    }
    switch (command.name) {
      case "worker_metadata":
        return this.#carryOut(command, async () => encodeWorkerMetadata(this.#duties.metadata()), "refused");
      case "leader_metadata":
        this.#allocate(command);
        return this.#done(command, null);
      case "ping":
        return this.isReady ? this.#done(command, null) : null;
      case "transfer_blocks": {
        const { transfer } = this.#duties;
        if (transfer === undefined) return this.#unknown(command);
        return this.#carryOut(command, () => this.#transfer(command, transfer), "failed");
      }
      default: {
        const handler = this.#handlers.get(command.name);
        if (handler === undefined) return this.#unknown(command);
        return this.#carryOut(command, () => handler(command.data, this.#signal), "failed");
      }
    }
  }

  /** Validated only after it was acknowledged: a leader that sends nonsense learns it by the pings. */
  #allocate({ name, data }: Command): void {
    if (this.#allocation !== "none") return;
    const { allocate } = this.#duties;
    const run = async (): Promise<void> => {
      const plan = decodeLeaderMetadata(onlyFrame(data));
      await allocate?.(plan, this.#signal);
    };
    this.#allocation = "running";
    run().then(
      () => (this.#allocation = "done"),
      (error: unknown) => {
        // The next one may be better.
        this.#allocation = "none";
        this.#tell(kindOf(error), name, messageOf(error));
      },
    );
  }

  async #transfer(
    { data }: Command,
    transfer: (request: TransferRequest, signal: AbortSignal) => Promise<void>,
  ): Promise<null> {
    const request = decodeTransfer(onlyFrame(data));
    try {
      checkPools(request);
    } catch (error) {
      // Dynamo's worker acknowledges this one before it fails: the request could be read.
      throw new Error(messageOf(error), { cause: error });
    }
    await transfer(request, this.#signal);
    return null;
  }

  async #carryOut(
    command: Command,
    work: () => Promise<Uint8Array | null>,
    onFailure: "failed" | "refused",
  ): Promise<Buffer[]> {
    if (this.#underWay >= MAX_UNDER_WAY) {
      return this.#refuse(command, "busy", `${MAX_UNDER_WAY} commands are under way`);
    }
    this.#underWay++;
    try {
      const payload = await work();
      if (payload !== null && payload.length > MAX_PAYLOAD_BYTES) {
        throw new Error(`an answer of ${payload.length} bytes is too large; ${MAX_PAYLOAD_BYTES} are allowed`);
      }
      return this.#done(command, payload);
    } catch (error) {
      const kind = kindOf(error);
      if (kind === "bad_payload" || onFailure === "refused") return this.#refuse(command, kind, messageOf(error));
      this.#tell(kind, command.name, messageOf(error));
      return answerFrames(command, null, this.#note("failed", messageOf(error)));
    } finally {
      this.#underWay--;
    }
  }

  #unknown(command: Command): Buffer[] {
    return this.#refuse(command, "unknown_function", "the function is unknown here");
  }

  #refuse(command: Command, kind: ProblemKind, message: string): Buffer[] {
    this.#tell(kind, command.name, message);
    return refusalFrames(command, this.#note("refused", message));
  }

  #done(command: Command, payload: Uint8Array | null): Buffer[] {
    return answerFrames(command, payload, this.#identity.worker === null ? null : this.#note("done", null));
  }

  #note(outcome: AnswerNote["outcome"], error: string | null): AnswerNote {
    return { ...this.#identity, outcome, error };
  }

  #tell(kind: ProblemKind, name: string | null, message: string): void {
    callOutside(() => this.#duties.onProblem?.({ kind, name, message }));
  }
}

function kindOf(error: unknown): "bad_payload" | "failed" {
  return error instanceof ClusterPayloadError ? "bad_payload" : "failed";
}

/** Throws ClusterPayloadError unless there is exactly one frame. */
function onlyFrame(data: readonly Buffer[]): Buffer {
  const [frame] = data;
  if (frame === undefined || data.length !== 1) {
    throw new ClusterPayloadError(`a command with ${data.length} frames of data; it takes one`);
  }
  return frame;
}
