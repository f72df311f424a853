/** `kvcast keygen`: makes a CURVE key pair, or tells the public key of one that was made. MAIN THREAD. */
import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from "node:fs";
import type { CurveKeyPair } from "../../shared/curve.ts";
import { codeOf, EXIT, KvcastError } from "../../shared/errors.ts";
import { newKeyPair } from "../curve/key-pair.ts";
import { readSecretKeyFile } from "../curve/secret-key-file.ts";
import { keyFromZ85 } from "../curve/z85.ts";
import type { CliIo } from "./command-spec.ts";
import { fileTrouble } from "../file-trouble.ts";

export interface KeygenConfig {
  /** Of the secret key. */
  readonly file: string;
  /** The file is there, and only its public key is wanted. */
  readonly isPublicWanted: boolean;
  readonly json: boolean;
}

/** The file of a secret key cannot be made. Exit code 69. */
class KeyFileError extends KvcastError {
  constructor(message: string, cause: unknown) {
    super("KVCAST_KEY_FILE", message, EXIT.unavailable, cause);
  }
}

/** Throws ConfigError for a file that holds no key, KeyFileError for one that cannot be made. */
export function runKeygen({ file, isPublicWanted, json }: KeygenConfig, io: CliIo): number {
  const place = { label: "keygen", option: "FILE" };
  const { publicKey } = isPublicWanted ? readSecretKeyFile({ file, place }) : makeKeyFile(file);
  const hex = keyFromZ85(publicKey)?.toString("hex") ?? "";
  if (json) io.out(`${JSON.stringify({ public_key: publicKey, public_key_hex: hex, secret_key_file: file })}\n`);
  else io.out(`${publicKey}\n`);
  if (!isPublicWanted) io.err(`kvcast: the secret key is in ${file}, which only this user can read\n`);
  if (!json) io.err(`kvcast: the same public key without characters that need quotes: ${hex}\n`);
  return EXIT.ok;
}

/** Never over a file that is there: the key in it may be the only one of its kind. */
function makeKeyFile(file: string): CurveKeyPair {
  const pair = newKeyPair();
  let fd: number;
  try {
    fd = openSync(file, "wx", 0o600);
  } catch (error) {
    const isThere = codeOf(error) === "EEXIST";
    const why = isThere ? "it is there already; name another, or see --public" : fileTrouble(error, file, "write");
    throw new KeyFileError(`cannot make ${file}: ${why}`, error);
  }
  try {
    writeSync(fd, `${pair.secretKey}\n`);
    fsyncSync(fd);
  } catch (error) {
    unlinkSync(file);
    throw new KeyFileError(`cannot write ${file}: ${fileTrouble(error, file, "write")}`, error);
  } finally {
    closeSync(fd);
  }
  return pair;
}
