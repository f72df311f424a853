/**
 * What is wrong with a file that somebody named, and what to do, for the end of an error message. MAIN THREAD; pure but for who and where
 * the process is. The code of the system comes first, since people search for it.
 */
import path from "node:path";
import { codeOf, messageOf } from "../shared/errors.ts";

/** `use`: what was to be done with it. */
export function fileTrouble(error: unknown, file: string, use: "read" | "write"): string {
  const code = codeOf(error);
  const says = code === undefined ? undefined : TROUBLES[code]?.(file, use);
  return says === undefined ? messageOf(error) : `${code}, ${says}`;
}

type Trouble = (file: string, use: "read" | "write") => string;

const denied: Trouble = (file, use) =>
  `${userText()} may not ${use} ${file}; change its owner or mode, or those of the folders above it`;

const TROUBLES: Readonly<Record<string, Trouble>> = {
  ENOENT: (file, use) =>
    use === "read"
      ? `there is no ${file}${fromText(file)}; check the name, and in a container that it is mounted`
      : `there is no folder ${path.dirname(file)}${fromText(file)}; make it, or name another`,
  EISDIR: (file) => `${file} is a directory; name a file in it`,
  ENOTDIR: (file) => `a part of ${file} that should be a folder is a file; check the name`,
  EEXIST: (file) => `${file} is there already; name another`,
  EACCES: denied,
  EPERM: denied,
  EROFS: (file) => `${file} is on a file system that takes no writes; name one elsewhere`,
  ENOSPC: (file) => `there is no room left where ${file} is; make some, or name one elsewhere`,
};

/** Where a name that is not absolute is looked for. */
function fromText(file: string): string {
  return path.isAbsolute(file) ? "" : ` in ${process.cwd()}`;
}

function userText(): string {
  const id = process.geteuid?.();
  return id === undefined ? "this user" : `user ${id}`;
}
