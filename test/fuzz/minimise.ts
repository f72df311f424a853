/** Makes an input smaller that still does what it did: pieces are left out, large ones first. */

const MAX_TRIES = 3000;
const MAX_MS = 15_000;

export async function minimise(input: Uint8Array, fails: (input: Uint8Array) => Promise<boolean>): Promise<Uint8Array> {
  let best = input;
  let tries = 0;
  const endMs = performance.now() + MAX_MS;
  for (let size = best.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < best.length;) {
      if (tries++ >= MAX_TRIES || performance.now() > endMs) return best;
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if (await fails(shorter)) best = shorter;
      else at += size;
    }
  }
  return best;
}
