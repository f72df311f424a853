/** What the NATS side of the publisher may hold, besides its queue: for those who hold it and for the bound told at start. */

/** In flight at most, besides the limit in messages: what is handed over is copied into the socket's memory. */
export const NATS_FLIGHT_BYTES: number = 8 * 1024 * 1024;

/** Live blocks that are counted for the event plane; the blocks of one engine are far fewer. */
export const PLANE_GATE_HASHES: number = 2 * 1024 * 1024;
/** Most that one of them costs: a hash table grows in steps. */
export const PLANE_GATE_BYTES_A_HASH = 39;
