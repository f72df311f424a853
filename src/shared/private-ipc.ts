/**
 * Binds an ipc socket that no other user can connect to: mode 0600. ANY THREAD; no state.
 *
 * A socket file gets its mode from the umask, which belongs to the process and cannot be set in a worker thread; and between a
 * bind and a chmod others could connect. So the socket is bound in a new directory that is closed to others, gets its mode, and
 * is then moved to where it belongs, which takes the place of what a dead process left there. Where the detour would make the
 * path too long for an address of the system, the mode comes right after the bind.
 */
import { chmodSync, existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import path from "node:path";

const SCHEME = "ipc://";
const PRIVATE = 0o600;
/** `sun_path` on Linux, without the closing NUL. */
const MAX_PATH_BYTES = 107;
const SOCKET = "s";
/** What `mkdtemp` puts behind the name. */
const SUFFIX_LENGTH = 6;

/** Whether an endpoint is a file: not an abstract name, which has no mode, and not one that libzmq shall make up. */
export function ipcPath(endpoint: string): string | null {
  return /^ipc:\/\/([^@*].*)$/.exec(endpoint)?.[1] ?? null;
}

/** What is said where someone listens and cannot be talked to: another user, and one with a full queue. */
const SERVED_ERRORS: readonly string[] = ["EACCES", "EAGAIN"];

/** Whether someone listens on a path: a bind would take it away from them without a word. */
export async function isServed(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(file);
    probe.on("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.on("error", ({ code = "" }: NodeJS.ErrnoException) =>
      resolve(SERVED_ERRORS.includes(code) && existsSync(file)),
    );
  });
}

/** Binds with `bind`, which is given the address to use. Rejects as it does, or when the file cannot be moved. */
export async function bindPrivately(file: string, bind: (endpoint: string) => Promise<void>): Promise<void> {
  const prefix = path.join(path.dirname(file), ".kv");
  if (Buffer.byteLength(prefix) + SUFFIX_LENGTH + 1 + SOCKET.length > MAX_PATH_BYTES) {
    await bind(`${SCHEME}${file}`);
    chmodSync(file, PRIVATE);
    return;
  }
  const directory = mkdtempSync(prefix);
  const staged = path.join(directory, SOCKET);
  try {
    await bind(`${SCHEME}${staged}`);
    chmodSync(staged, PRIVATE);
    renameSync(staged, file);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
