/**
 * The native XXH3-64, loaded when it is first needed. Any thread.
 */
import { createRequire } from "node:module";
import { KvcastError } from "./errors.ts";

/** XXH3-64 of bytes, with a seed. */
export type Xxh3 = (bytes: Uint8Array, seed: bigint) => bigint;

/** The native hash does not load: there is no binary for this platform, or it was left out when installing. */
export class HashUnavailableError extends KvcastError {
  constructor(cause: unknown) {
    super(
      "KVCAST_HASH_UNAVAILABLE",
      `the native module of @node-rs/xxhash does not load on ${process.platform}-${process.arch}; ` +
        "events for Dynamo's event plane need it. Install it with optional dependencies, or leave the event plane off",
      undefined,
      cause,
    );
  }
}

/**
 * Loads the native hash: not before it is needed, so that a platform without it lacks the event plane and nothing else. Throws
 * HashUnavailableError.
 */
export function loadXxh3(): Xxh3 {
  try {
    const require = createRequire(import.meta.url);
    const native: { readonly xxh3: { readonly xxh64: Xxh3 } } = require("@node-rs/xxhash");
    return native.xxh3.xxh64;
  } catch (error) {
    throw new HashUnavailableError(error);
  }
}
