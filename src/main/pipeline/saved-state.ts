/**
 * What an earlier run left in the state directory, as far as MAIN has to know it. The blocks themselves stay with the index
 * thread, which read them.
 *
 * The index fits the engine if nothing happened in between: of each rank, the first event that comes now must bear the id
 * after the saved one. Whether it does is found out rank by rank, when that event is there.
 */
export type { SavedState } from "../../shared/index-messages.ts";
