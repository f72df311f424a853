/**
 * Follows the event ids of one attention-DP rank: what is missing, what came twice, when the engine began anew.
 * MAIN THREAD. Works on the raw stream, before any filter, because ids count every event of the engine.
 *
 *   id = last       duplicate      sent again; nothing changes
 *   id = last + 1   next           also the first id that is ever seen
 *   id > last + 1   gap            `missing` ids lie between
 *   id < last       restart        when it is 0 or a `created` event: the engine announces its cache anew
 *                   out_of_order   otherwise: an old event that comes late; `last` stays
 */
export type IdStep = "next" | "gap" | "duplicate" | "restart" | "out_of_order";

/** The last id of a rank that was not heard of. */
export const NO_EVENT = -1;

export class IdTracker {
  /** Highest id since the rank began; -1 before the first. */
  last: number = NO_EVENT;
  /** Ids that the last gap left out. */
  missing: number = 0;

  observe(id: number, isCreated: boolean): IdStep {
    const last = this.last;
    if (id === last + 1 || last === NO_EVENT) {
      this.last = id;
      return "next";
    }
    if (id > last) {
      this.missing = id - last - 1;
      this.last = id;
      return "gap";
    }
    if (id === last) return "duplicate";
    if (id !== 0 && !isCreated) return "out_of_order";
    this.last = id;
    return "restart";
  }
}
