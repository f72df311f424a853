/**
 * The address of a thread's entry file, in the one place where the difference between source and build matters: import
 * specifiers are rewritten by the compiler, URLs are not.
 */
const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

/** `encoder` → the URL of src/workers/encoder.ts, or of its build. */
export function workerUrl(name: "encoder" | "indexer" | "nats-exam" | "password" | "publisher"): URL {
  return new URL(`../workers/${name}${EXTENSION}`, import.meta.url);
}
