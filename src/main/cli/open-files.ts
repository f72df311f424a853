/**
 * Whether enough files may be open for `serve`. MAIN THREAD, before anything of it is loaded.
 *
 * Asked beforehand, because with too few nobody says so: the runtime takes a module that it cannot open for one that is not
 * there.
 */
import { readFileSync } from "node:fs";
import { EXIT, KvcastError } from "../../shared/errors.ts";

/** Some 36 are open at rest, and 50 while modules are loaded. */
export const NEEDED_OPEN_FILES = 56;

/** The limit on open files is too low. Exit code 69. */
class OpenFilesError extends KvcastError {
  constructor(limit: number) {
    super(
      "KVCAST_OPEN_FILES",
      `too many open files (EMFILE) would be needed: the limit is ${limit}, and serve needs ${NEEDED_OPEN_FILES}; ` +
        "raise it (ulimit -n, LimitNOFILE=)",
      EXIT.unavailable,
    );
  }
}

/** Throws OpenFilesError. Passes where the system does not tell its limit. */
export function requireOpenFiles(): void {
  const limit = openFileLimit();
  if (limit !== null && limit < NEEDED_OPEN_FILES) throw new OpenFilesError(limit);
}

/** How many files may be open; null where the system does not tell. */
export function openFileLimit(): number | null {
  try {
    const soft = /^Max open files\s+(\d+)/mu.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}
