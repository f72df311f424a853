/**
 * A `.tar.gz` of a few text files with short names: the one form of archive that every machine opens. Pure.
 *
 * A header of fixed fields, the content, zeros up to the next block: no long names, no links, no sparse files, none of what makes
 * tar difficult, and what the packages for it are large for.
 */
import { gzipSync } from "node:zlib";
import { LayoutError } from "../../shared/errors.ts";

const BLOCK_BYTES = 512;
const MAX_NAME_BYTES = 100;

/** Field offsets of a ustar header. */
const AT = { mode: 100, uid: 108, gid: 116, size: 124, mtime: 136, checksum: 148, type: 156, magic: 257 } as const;

export interface ArchiveFile {
  /** ASCII, at most 100 characters, with slashes between folders. */
  readonly name: string;
  readonly content: string;
}

/** Files are the owner's alone to read. `mtimeSeconds`: since 1970. Throws LayoutError for a name that does not fit. */
export function tarGz(files: readonly ArchiveFile[], mtimeSeconds: number): Buffer {
  const parts = files.flatMap(({ name, content }) => {
    const body = Buffer.from(content);
    const padding = Buffer.alloc(-body.length & (BLOCK_BYTES - 1));
    return [header(name, body.length, mtimeSeconds), body, padding];
  });
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * BLOCK_BYTES)]));
}

function header(name: string, bytes: number, mtimeSeconds: number): Buffer {
  if (!/^[\x21-\x7e]+$/.test(name) || name.length > MAX_NAME_BYTES) throw new LayoutError(`no name for tar: ${name}`);
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(name, 0, "latin1");
  block.write("0000600\0", AT.mode, "latin1");
  block.write("0000000\0", AT.uid, "latin1");
  block.write("0000000\0", AT.gid, "latin1");
  block.write(`${octal(bytes, 11)}\0`, AT.size, "latin1");
  block.write(`${octal(Math.floor(mtimeSeconds), 11)}\0`, AT.mtime, "latin1");
  block.write("        ", AT.checksum, "latin1"); // counts as spaces in its own sum
  block.write("0", AT.type, "latin1");
  block.write("ustar\u000000", AT.magic, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, AT.checksum, "latin1");
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
