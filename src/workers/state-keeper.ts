/**
 * The index on disk: read at the start, written now and then, and at the end. INDEX THREAD.
 *
 * A state from an orderly end says where the numbers go on. It may say so once: the moment numbers are given out again, it
 * is out of date, whatever becomes of this run. A second file says that, so that the large one need not be written anew at
 * the start: `running` is there from before the first number until an orderly end has been written.
 */
import { closeSync, existsSync, mkdirSync, openSync, unlinkSync } from "node:fs";
import path from "node:path";
import { messageOf } from "../shared/errors.ts";
import type { IndexMessage, SavedState } from "../shared/index-messages.ts";
import type { WireFormat } from "../shared/wire-format.ts";
import { BlockIndex, type BlockIndexOptions } from "./block-index.ts";
import { IndexFileError } from "./index-errors.ts";
import type { IndexFileInfo } from "./index-file.ts";
import { IndexSave, loadIndex, saveIndex, syncDirectory } from "./index-store.ts";

const RUNNING_FILE = "running";

export interface Restored {
  readonly index: BlockIndex;
  readonly saved: SavedState | null;
  /** Why a state that is there is not used; null when there is none, or it is used. */
  readonly refusal: string | null;
}

export class StateKeeper {
  readonly #directory: string;
  readonly #engine: string;
  readonly #wireFormat: WireFormat;
  #save: IndexSave | null = null;
  #saving: SavedState | null = null;

  constructor(directory: string, engine: string, wireFormat: WireFormat) {
    this.#directory = directory;
    this.#engine = engine;
    this.#wireFormat = wireFormat;
  }

  /** Reads what an earlier run left, and notes that numbers are about to be given out. Throws an error of the system. */
  restore(options: BlockIndexOptions): Restored {
    const restored = this.#load(options);
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    closeSync(openSync(this.#runningFile(), "w", 0o600));
    syncDirectory(this.#directory);
    return restored;
  }

  #load(options: BlockIndexOptions): Restored {
    try {
      const { index, header } = loadIndex(this.#directory, this.#engine, options);
      const lastEventIds = new Map<number, number>();
      for (const { rank, lastEventId } of header.ranks) if (lastEventId !== null) lastEventIds.set(rank, lastEventId);
      const saved: SavedState = {
        epoch: { uuid: header.epoch, startedSeconds: header.startedSeconds },
        nextSequence: header.nextSequence,
        clean: header.clean && !existsSync(this.#runningFile()),
        lastEventIds,
      };
      return { index, saved, refusal: null };
    } catch (error) {
      if (!(error instanceof IndexFileError)) throw error;
      const refusal = error.reason === "absent" ? null : error.message;
      return { index: new BlockIndex(options), saved: null, refusal };
    }
  }

  /** Whether `step` has something to do. */
  get isSaving(): boolean {
    return this.#save !== null;
  }

  /** Begins to write the index as it is now; what was being written is given up. Null, or what came of it at once. */
  begin(index: BlockIndex, state: SavedState): IndexMessage | null {
    this.abort();
    try {
      this.#save = new IndexSave(this.#directory, index, this.#info(state));
      this.#saving = state;
      return null;
    } catch (error) {
      return failed(state, error);
    }
  }

  /** Writes some more. What came of it once it is over, until then null. */
  step(blocks: number): IndexMessage | null {
    const state = this.#saving;
    if (this.#save === null || state === null) return null;
    try {
      if (!this.#save.step()) return null;
      this.#save = this.#saving = null;
      return { type: "saved", clean: state.clean, blocks, reason: null };
    } catch (error) {
      this.#save = this.#saving = null;
      return failed(state, error);
    }
  }

  abort(): void {
    this.#save?.abort();
    this.#save = this.#saving = null;
  }

  /** Writes the index in one go, for the end. */
  finish(index: BlockIndex, state: SavedState): IndexMessage {
    this.abort();
    try {
      saveIndex(this.#directory, index, this.#info(state));
      if (state.clean) {
        unlinkSync(this.#runningFile());
        syncDirectory(this.#directory);
      }
      return { type: "saved", clean: state.clean, blocks: index.blocks, reason: null };
    } catch (error) {
      return failed(state, error);
    }
  }

  #runningFile(): string {
    return path.join(this.#directory, RUNNING_FILE);
  }

  #info(state: SavedState): IndexFileInfo {
    return {
      epoch: state.epoch.uuid,
      startedSeconds: state.epoch.startedSeconds,
      nextSequence: state.nextSequence,
      clean: state.clean,
      engine: this.#engine,
      wireFormat: this.#wireFormat,
      lastEventIds: state.lastEventIds,
    };
  }
}

function failed(state: SavedState, error: unknown): IndexMessage {
  return { type: "saved", clean: state.clean, blocks: 0, reason: messageOf(error) };
}
