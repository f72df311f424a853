/** Why an address could not be bound, in words that say who has it or what is missing. ANY THREAD; no state. */
import path from "node:path";
import { codeOf, messageOf } from "./errors.ts";
import { ipcPath } from "./private-ipc.ts";

/** What a bind is refused with when somebody listens there. */
export const IN_USE = "EADDRINUSE";

const REASONS: Readonly<Record<string, string>> = {
  [IN_USE]: "another process listens there, perhaps another kvcast",
  EACCES: "this user may not bind it",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "the host name cannot be resolved",
  EAI_AGAIN: "the host name cannot be resolved now",
};

/** `cause` is what Node or libzmq reported, or the code alone. An endpoint that is a path is told of by its directory. */
export function bindReason(endpoint: string, cause: unknown): string {
  const code = typeof cause === "string" ? cause : codeOf(cause);
  const file = ipcPath(endpoint);
  if (file !== null) {
    const directory = path.dirname(file);
    if (code === "ENOENT") return `there is no directory ${directory}, or it takes no sockets; make it first`;
    if (code === "ENOTDIR") return `${directory} is no directory`;
    if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
      return `this user may not make a file in ${directory} (${code})`;
    }
  }
  return (code === undefined ? undefined : REASONS[code]) ?? messageOf(cause);
}
