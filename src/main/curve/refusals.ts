/** The words for sockets that clients may be refused at, and for why: label values, closed. MAIN THREAD; pure. */

/** Sockets that bind. */
export const CURVE_SOCKETS = ["live", "replay", "cluster"] as const;
export type CurveSocket = (typeof CURVE_SOCKETS)[number];

/**
 * Why a client was turned away here: its key is not on the list, or it came with none. Who knows no or another public key of the
 * service never gets so far: libzmq ends that connection by itself, and tells nobody.
 */
export const REFUSAL_REASONS = ["unlisted", "no_key"] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];
