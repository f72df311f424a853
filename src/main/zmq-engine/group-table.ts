/**
 * Which cache groups of an engine are for the attention that prefixes are matched by. MAIN THREAD; pure.
 *
 * An engine with several kinds of attention tells of the same tokens once for each group of layers. A stored event names the
 * kind and teaches it; what comes later may have the number of the group only. Without a lesson group 0 counts as the main
 * one, as on every engine that has no other.
 */
import { ABSENT } from "../engine/raw-event.ts";
import { SPEC_KIND, WIRE_KIND, type WireEvent } from "../wire/wire-event.ts";

/** Lessons of all ranks together; engines have a handful of groups, and their numbers come from outside. */
const MAX_LESSONS = 8192;
/** More than a group can be numbered: those beyond are never learned. */
const GROUPS_A_RANK = 1024;

export class GroupTable {
  /** True for a main group, by rank and group. */
  readonly #lessons: Map<number, boolean> = new Map();

  /** Why the event is left out, or null. Learns from it. */
  refusal(event: WireEvent, rank: number): "attention_kind" | "attention_group" | null {
    const { groupIdx, specKind } = event;
    const key = groupIdx < GROUPS_A_RANK ? rank * GROUPS_A_RANK + Math.max(groupIdx, 0) : -1;
    if (specKind !== SPEC_KIND.absent) {
      const isMain = specKind === SPEC_KIND.main;
      if (event.kind === WIRE_KIND.stored && groupIdx !== ABSENT && key >= 0) this.#learn(key, isMain);
      return isMain ? null : "attention_kind";
    }
    if (groupIdx === ABSENT) return null;
    const isMain = this.#lessons.get(key) ?? groupIdx === 0;
    return isMain ? null : "attention_group";
  }

  /** The rank began anew, perhaps with another model. */
  forget(rank: number): void {
    for (const key of this.#lessons.keys()) if (Math.floor(key / GROUPS_A_RANK) === rank) this.#lessons.delete(key);
  }

  #learn(key: number, isMain: boolean): void {
    if (this.#lessons.size < MAX_LESSONS || this.#lessons.has(key)) this.#lessons.set(key, isMain);
  }
}
