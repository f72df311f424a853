/**
 * The index on disk: read at the start, written now and then, and at the end. INDEX THREAD.
 *
 * A state from an orderly end says where the numbers go on. It may say so once: the moment numbers are given out again, it
 * is out of date, whatever becomes of this run. The mark in `state-lock.ts` says that, so that the large file need not be
 * written anew at the start: it is there from before the first number until an orderly end has been written.
 */
import { messageOf } from "../shared/errors.ts";
import type { FollowedRank, IndexMessage, SavedState } from "../shared/index-messages.ts";
import { BlockIndex, type BlockIndexOptions } from "./block-index.ts";
import { IndexFileError } from "./index-errors.ts";
import type { IndexFileInfo } from "./index-file.ts";
import { IndexSave, saveIndex } from "./index-save.ts";
import { type IndexOwner, loadIndex } from "./index-store.ts";
import { StateLock } from "./state-lock.ts";

export interface Restored {
  readonly index: BlockIndex;
  readonly saved: SavedState | null;
  /** Why a state that is there is not used; null when there is none, or it is used. */
  readonly refusal: string | null;
}

export class StateKeeper {
  readonly #directory: string;
  readonly #owner: IndexOwner;
  readonly #wake: () => void;
  /** Null while the directory could not be taken. */
  #lock: StateLock | null = null;
  #save: { readonly steps: IndexSave; readonly state: SavedState } | null = null;

  /** `wake` is called when the disk has done its work and `step` has something to do again. */
  constructor(directory: string, owner: IndexOwner, wake: () => void) {
    this.#directory = directory;
    this.#owner = owner;
    this.#wake = wake;
  }

  /**
   * Takes the directory, for numbers are about to be given out, and reads what an earlier run left. Throws
   * StateDirTakenError or an error of the system.
   */
  restore(options: BlockIndexOptions): Restored {
    this.#lock = StateLock.take(this.#directory);
    try {
      const { index, header } = loadIndex(this.#directory, this.#owner, options);
      const ranks = new Map<number, FollowedRank>();
      for (const { rank, followed } of header.ranks) if (followed !== null) ranks.set(rank, followed);
      const saved: SavedState = {
        epoch: { uuid: header.epoch, startedSeconds: header.startedSeconds },
        nextSequence: header.nextSequence,
        clean: header.clean && !this.#lock.wasInterrupted,
        ranks,
      };
      return { index, saved, refusal: null };
    } catch (error) {
      if (!(error instanceof IndexFileError)) throw error;
      const refusal = error.reason === "absent" ? null : error.message;
      return { index: new BlockIndex(options), saved: null, refusal };
    }
  }

  /** Goes on in place of a thread that died. */
  inherit(): void {
    this.#lock = StateLock.inherit(this.#directory);
  }

  /** Whether `step` has something to do. */
  get hasWork(): boolean {
    return this.#save !== null && !this.#save.steps.isWaiting;
  }

  /** Begins to write the index as it is now. Null, or what came of it at once. */
  begin(index: BlockIndex, state: SavedState): IndexMessage | null {
    try {
      if (this.#save !== null) return failed(state, new Error("the disk is still at the one before"));
      this.#holdLock();
      this.#save = { steps: new IndexSave(this.#directory, index, this.#info(state), this.#wake), state };
      return null;
    } catch (error) {
      return failed(state, error);
    }
  }

  /** Writes some more. What came of it once it is over, until then null. */
  step(blocks: number): IndexMessage | null {
    if (this.#save === null) return null;
    const { steps, state } = this.#save;
    try {
      if (!steps.step()) return null;
      this.#save = null;
      return { type: "saved", clean: state.clean, blocks, reason: null };
    } catch (error) {
      this.#save = null;
      return failed(state, error);
    }
  }

  /** Writes the index in one go, for the end. Only here the disk is waited for. */
  async finish(index: BlockIndex, state: SavedState): Promise<IndexMessage> {
    await this.#giveUpSave();
    try {
      this.#holdLock();
      await saveIndex(this.#directory, index, this.#info(state));
      if (state.clean) this.#leave(true);
      return { type: "saved", clean: state.clean, blocks: index.blocks, reason: null };
    } catch (error) {
      return failed(state, error);
    }
  }

  /** Lets go of everything. `isUnused`: no number was given out, so a state that was there counts as much as before. */
  async close(isUnused: boolean): Promise<void> {
    await this.#giveUpSave();
    try {
      this.#leave(isUnused && this.#lock?.wasInterrupted === false);
    } catch {
      // The mark stays, and says the same: there was no orderly end.
    }
  }

  async #giveUpSave(): Promise<void> {
    const save = this.#save;
    this.#save = null;
    save?.steps.abort();
    await save?.steps.idle();
  }

  /** Takes the directory if that failed before, or if the mark is gone, be it with the whole directory. */
  #holdLock(): void {
    if (this.#lock?.isHeld !== true) this.#lock = StateLock.take(this.#directory);
  }

  #leave(inOrder: boolean): void {
    const lock = this.#lock;
    this.#lock = null;
    if (inOrder) lock?.release();
    else lock?.abandon();
  }

  #info(state: SavedState): IndexFileInfo {
    return {
      epoch: state.epoch.uuid,
      startedSeconds: state.epoch.startedSeconds,
      nextSequence: state.nextSequence,
      clean: state.clean,
      ...this.#owner,
      followed: state.ranks,
    };
  }
}

function failed(state: SavedState, error: unknown): IndexMessage {
  return { type: "saved", clean: state.clean, blocks: 0, reason: messageOf(error) };
}
