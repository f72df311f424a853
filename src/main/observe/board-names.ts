/** The boards that are shipped, in the order in which to look at them. MAIN THREAD. */
export const BOARD_NAMES = ["overview", "engines", "pipeline", "requests", "runtime"] as const;
export type BoardName = (typeof BOARD_NAMES)[number];
