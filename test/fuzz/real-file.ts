/**
 * Inputs that are files. To make a file for each takes the machine longer than to read it takes the program, so most are handed
 * over in memory, behind the call that reads files, and one of so many goes through a real one.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { numberOf } from "./chunks.ts";

const REAL_EVERY = 256;

/** One file of a folder of its own, which is there until it is closed. */
export class RealFile {
  readonly file: string;
  readonly #folder: string = mkdtempSync(path.join(tmpdir(), "kvcast-fuzz-"));

  constructor(name: string) {
    this.file = path.join(this.#folder, name);
  }

  /** Writes what an input says the file holds, if it is this input's turn, which follows from its bytes. */
  takes(input: Uint8Array, content: Uint8Array): boolean {
    if (numberOf(input) % REAL_EVERY !== 0) return false;
    writeFileSync(this.file, content);
    return true;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
