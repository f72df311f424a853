/**
 * The stream of a service: how it is called, with which number it begins, and its start. MAIN THREAD, once at start, in this order:
 *
 *   openStream() ──what an earlier run left──► the service is built ──► startStream() ──sockets bound──► events may come
 *
 * While it runs, `stateSaverOf` keeps what a later one will find. After an orderly end the numbers go on in the same epoch. After
 * any other, and without a state directory, the epoch is new; what the ranks of engines had reached is then still known, where it was saved.
 */
import { BindError } from "../shared/errors.ts";
import { INDEX_CELLS } from "../shared/index-cells.ts";
import type { Epoch, SavedState } from "../shared/index-messages.ts";
import type { ServeConfig } from "./config/config.ts";
import type { Engines } from "./engines.ts";
import { firstSequenceOf, newEpoch } from "./epoch.ts";
import type { Logger } from "./log.ts";
import { makePipeline } from "./make-pipeline.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";
import { StateSaver } from "./pipeline/state-saver.ts";

export interface StreamOptions {
  readonly config: ServeConfig;
  readonly log: Logger;
  /** A thread died that cannot be replaced. */
  readonly onFatal: (error: Error) => void;
}

export interface ServiceStream {
  /** Its index thread runs, the others do not yet. */
  readonly pipeline: Pipeline;
  readonly epoch: Epoch;
  readonly firstSequence: number;
  /** What an earlier run left; null: nothing, or nothing that may be used. */
  readonly saved: SavedState | null;
}

/** Makes the pipeline and reads what an earlier run left for it. Rejects with StateDirTakenError; no thread is left then. */
export async function openStream({ config, log, onFatal }: StreamOptions): Promise<ServiceStream> {
  const pipeline = makePipeline(config, log, onFatal);
  const { saved, refusal } = await orStop(pipeline, () => pipeline.loadIndex());
  if (refusal !== null) log.warn("the saved index is not used", { reason: refusal });
  const continued = saved?.clean === true ? saved : null;
  const epoch = continued?.epoch ?? newEpoch();
  const firstSequence = continued?.nextSequence ?? firstSequenceOf(epoch, config.sequenceStart);
  return { pipeline, epoch, firstSequence, saved };
}

/** Starts the other threads. Rejects with BindError, which names the option to change; no thread is left then. */
export async function startStream(stream: ServiceStream, { config, log }: StreamOptions): Promise<void> {
  const { pipeline, epoch, firstSequence, saved } = stream;
  if (saved !== null) {
    log.info("the index of an earlier run is there again", {
      blocks: pipeline.index?.read(INDEX_CELLS.blocks) ?? 0,
      ranks: saved.ranks.size,
      orderly_end: saved.clean,
      next_sequence: firstSequence,
    });
  }
  try {
    await pipeline.start({ epoch, firstSequence, isContinued: saved?.clean === true });
  } catch (error) {
    if (!(error instanceof BindError)) throw error;
    throw new BindError(
      error.endpoint,
      `${error.message}; choose another address with ${optionOf(error.endpoint, config)}`,
      error,
    );
  }
}

/** Saves the index now and then, and after an orderly end; null where nothing is kept. It is started when the threads run. */
export function stateSaverOf(
  { snapshot, stateDir }: ServeConfig,
  engines: Engines,
  { pipeline, epoch }: Pick<ServiceStream, "pipeline" | "epoch">,
): StateSaver | null {
  if (!snapshot || stateDir === null) return null;
  return new StateSaver({
    epoch: () => epoch,
    ranks: () => engines.followed(),
    cut: () => pipeline.cut(),
    save: (position, state) => pipeline.saveIndex(position, state),
    // Events that are not published have ids too.
    version: () => engines.receivedEvents,
  });
}

/** What `make` makes; a start that fails, for an engine's address or for what its state directory holds, leaves no thread behind. */
export async function orStop<Made>(pipeline: Pipeline, make: () => Made | Promise<Made>): Promise<Made> {
  try {
    return await make();
  } catch (error) {
    await pipeline.stop(0);
    throw error;
  }
}

/** Which option an address that could not be bound came from. */
function optionOf(endpoint: string, config: ServeConfig): string {
  return endpoint === config.replayEndpoint ? "--replay-endpoint" : "--zmq-endpoint";
}
