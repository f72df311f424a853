/** Files of others, never more of them than one is ready for. ANY THREAD; no state. */
import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";

const PIECE_BYTES: number = 16 * 1024;

/** All of a file, which may grow meanwhile; null when that is more than `maxBytes`. Rejects as the file system does. */
export async function readAtMost(file: string, maxBytes: number): Promise<Buffer | null> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const handle = await open(file, "r");
  try {
    while (bytes <= maxBytes) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(PIECE_BYTES));
      if (bytesRead === 0) break;
      pieces.push(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
    }
  } finally {
    await handle.close();
  }
  return bytes > maxBytes ? null : Buffer.concat(pieces);
}

/** The same for the start, when nothing else has to go on. Throws as the file system does. */
export function readAtMostSync(file: string, maxBytes: number): Buffer | null {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const descriptor = openSync(file, "r");
  try {
    while (bytes <= maxBytes) {
      const piece = Buffer.allocUnsafe(PIECE_BYTES);
      const bytesRead = readSync(descriptor, piece);
      if (bytesRead === 0) break;
      pieces.push(piece.subarray(0, bytesRead));
      bytes += bytesRead;
    }
  } finally {
    closeSync(descriptor);
  }
  return bytes > maxBytes ? null : Buffer.concat(pieces);
}
