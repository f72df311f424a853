/**
 * The file of a secret CURVE key: one line, 40 characters of Z85. MAIN THREAD, at start. No message from here repeats anything
 * that stands in it.
 *
 * A key that others can read is no secret, so a file that lets them is refused, by the rule of PostgreSQL: nobody else may read
 * one's own file; one of root's may be readable by a group too, which is how Kubernetes mounts secrets for a user that is not root.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { ConfigError } from "../../shared/errors.ts";
import type { CurveKeyPair } from "../../shared/curve.ts";
import { type NamedFile, type Place, refused } from "../config/option-spec.ts";
import { keyPairOf, newKeyPair } from "./key-pair.ts";
import { fileTrouble } from "../file-trouble.ts";

/** A key, a line end, and what an editor may add. */
const MAX_FILE_BYTES = 256;
const OTHERS = 0o077;
const OTHERS_OF_ROOT = 0o027;

/** Throws ConfigError for a file that is not there, that others can read, or that holds no key. */
export function readSecretKeyFile({ file, place }: NamedFile): CurveKeyPair {
  const pair = keyPairOf(contentOf(file, place).trim());
  if (pair !== null) return pair;
  throw refused(
    place,
    `${file} holds no secret CURVE key, which is one line of 40 characters (Z85); make one with kvcast keygen FILE`,
  );
}

/** The keys to connect with: those of the file, or without one a pair that nobody has seen before. Throws ConfigError. */
export function clientKeyPair(file: NamedFile | undefined): CurveKeyPair {
  return file === undefined ? newKeyPair() : readSecretKeyFile(file);
}

function contentOf(file: string, place: Place): string {
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch (error) {
    throw new ConfigError(
      place.option,
      `${place.label}: cannot read the file: ${fileTrouble(error, file, "read")}`,
      error,
    );
  }
  try {
    // Of what was opened, not of what the name stands for by then.
    const { mode, uid } = fstatSync(fd);
    const fault = process.platform === "win32" ? null : accessFault(mode, uid, process.geteuid?.() ?? 0);
    if (fault !== null) throw refused(place, `${file} ${fault}`);
    const content = Buffer.alloc(MAX_FILE_BYTES + 1);
    const length = readSync(fd, content);
    if (length > MAX_FILE_BYTES) throw refused(place, `${file} is larger than ${MAX_FILE_BYTES} bytes`);
    return content.toString("latin1", 0, length);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(
      place.option,
      `${place.label}: cannot read the file: ${fileTrouble(error, file, "read")}`,
      error,
    );
  } finally {
    closeSync(fd);
  }
}

/** What is wrong with who can read a file; null: nothing. */
export function accessFault(mode: number, owner: number, user: number): string | null {
  const bits = (mode & 0o777).toString(8).padStart(4, "0");
  if (owner === user) return (mode & OTHERS) === 0 ? null : `can be read by others (mode ${bits}); run chmod 600 on it`;
  if (owner !== 0) return `belongs to another user (id ${owner}); it must be this user's own, or root's`;
  return (mode & OTHERS_OF_ROOT) === 0
    ? null
    : `is root's and can be read by everyone, or written by a group (mode ${bits}); run chmod 640 on it`;
}
