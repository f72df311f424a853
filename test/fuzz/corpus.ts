/** Inputs that are kept: bad ones that were found once, and others worth reading each time. One file each, one folder a target. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const FOLDER = path.join(process.cwd(), "test/corpus");

export interface Kept {
  readonly name: string;
  readonly bytes: Buffer;
}

export function keptInputs(target: string): Kept[] {
  const folder = path.join(FOLDER, target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .toSorted()
    .map((name) => ({ name, bytes: readFileSync(path.join(folder, name)) }));
}

/** Folders there are, whether or not there is a target for them. */
export function corpusFolders(): string[] {
  return readdirSync(FOLDER).toSorted();
}

/** Keeps an input; returns its file, relative to the working directory. */
export function keep(target: string, bytes: Uint8Array): string {
  const folder = path.join(FOLDER, target);
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `found-${createHash("sha256").update(bytes).digest("hex").slice(0, 12)}`);
  writeFileSync(file, bytes);
  return path.relative(process.cwd(), file);
}
