/** Makes the state directory and what is above it, for its owner alone. INDEX THREAD. */
import { existsSync, mkdirSync, statSync } from "node:fs";
import path from "node:path";
import { codeOf, KvcastError, EXIT } from "../shared/errors.ts";

/** Something else has its name. Exit code 78. */
class NoDirectoryError extends KvcastError {
  constructor(directory: string) {
    super("KVCAST_NO_DIRECTORY", `${directory} is there, and is no directory`, EXIT.badConfig);
  }
}

/**
 * Throws NoDirectoryError, or an error of the system. (`mkdirSync` with `recursive` turns for ever where the parent is there and
 * takes no directories, as /proc.)
 */
export function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST") {
      if (statSync(directory).isDirectory()) return;
      throw new NoDirectoryError(directory);
    }
    const parent = path.dirname(directory);
    if (code !== "ENOENT" || existsSync(parent)) throw error;
    makeDirectory(parent);
    makeDirectory(directory);
  }
}
