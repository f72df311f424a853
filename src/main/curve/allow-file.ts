/**
 * The file of clients that may connect, and what stood there last that made sense. MAIN THREAD.
 *
 * Whether it has changed is looked up before each answer, so that what is written there goes for the next handshake, and now
 * and then besides, so that a mistake is told without one. Watching would miss files that are replaced by way of a link, as
 * Kubernetes does, and files of network file systems. A list that cannot be used leaves the one before it in force: half a list
 * would lock out whoever stands in the other half, none would lock out everyone.
 */
import { statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { ConfigError, messageOf } from "../../shared/errors.ts";
import type { NamedFile } from "../config/option-spec.ts";
import { readAtMost, readAtMostSync } from "../read-at-most.ts";
import { within } from "../within.ts";
import { AllowListError, MAX_ALLOW_FILE_BYTES, parseAllowList } from "./allow-list.ts";
import { fileTrouble } from "../file-trouble.ts";

const LOOK_EVERY_MS = 5000;
/** A file system that hangs must not keep out those who are on the list. */
const MAX_LOOK_MS = 1000;
const WRITABLE_BY_ALL = 0o002;

/** What decides whether a file is another one, or was written to. */
interface Signs {
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly size: number;
  readonly ino: number;
  readonly mode: number;
  isFile(): boolean;
}

export interface AllowFilePorts {
  /** A new list is in force, of so many keys. */
  readonly onRead: (keys: number) => void;
  /** What stands in the file cannot be used, and the list before it stays in force; told once for each state of the file. */
  readonly onBad: (reason: string) => void;
}

export class AllowFile {
  readonly #file: string;
  readonly #ports: AllowFilePorts;
  #keys: ReadonlySet<string>;
  /** Of what was looked at last. */
  #seen: string;
  /** Why it could not be read the last time. */
  #unreadable: string | null = null;
  /** The look that goes on, and the one behind it. */
  #looking: Promise<true> | null = null;
  #following: Promise<true> | null = null;
  /** The look that goes on has taken too long: nobody waits for it any more. */
  #isStuck: boolean = false;
  readonly #timer: NodeJS.Timeout;

  /** Reads the file. Throws ConfigError when it is not there or cannot be used. */
  constructor(named: NamedFile, ports: AllowFilePorts) {
    this.#file = named.file;
    this.#ports = ports;
    ({ keys: this.#keys, seen: this.#seen } = readAllowFile(named));
    this.#timer = setInterval(() => void this.#wait(), LOOK_EVERY_MS).unref();
  }

  /** Whether this key, 64 hexadecimal digits, stands in the file now. Never rejects. */
  async has(key: string): Promise<boolean> {
    await this.#wait();
    return this.#keys.has(key);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** For a look, unless that takes too long. */
  async #wait(): Promise<void> {
    if (this.#isStuck || (await within(this.#look(), MAX_LOOK_MS)) !== null || this.#isStuck) return;
    this.#isStuck = true;
    this.#ports.onBad(`it could not be read within ${MAX_LOOK_MS} ms`);
  }

  /** One look behind the other, and for all who ask meanwhile the same: one that began after the question. */
  #look(): Promise<true> {
    if (this.#looking !== null) return (this.#following ??= this.#looking.then(() => this.#lookAgain()));
    this.#looking = this.#refresh().then(() => {
      this.#looking = null;
      this.#isStuck = false;
      return true;
    });
    return this.#looking;
  }

  #lookAgain(): Promise<true> {
    this.#following = null;
    return this.#look();
  }

  async #refresh(): Promise<void> {
    try {
      const signs = await stat(this.#file);
      const seen = textOf(signs);
      if (seen === this.#seen) return;
      this.#seen = seen;
      requireUsable(signs);
      // It may have grown since it was looked at: never a part of it.
      this.#keys = keysIn(await readAtMost(this.#file, MAX_ALLOW_FILE_BYTES));
      this.#unreadable = null;
      this.#ports.onRead(this.#keys.size);
    } catch (error) {
      const reason = messageOf(error);
      // A bad list was told when it was seen to be another; what cannot be read is tried again each time, and told once.
      if (!(error instanceof AllowListError)) {
        this.#seen = "";
        if (this.#unreadable === reason) return;
        this.#unreadable = reason;
      }
      this.#ports.onBad(reason);
    }
  }
}

/** What stands there at the start. Throws ConfigError when the file is not there or cannot be used. */
export function readAllowFile({ file, place }: NamedFile): {
  readonly keys: ReadonlySet<string>;
  readonly seen: string;
} {
  try {
    const signs = statSync(file);
    requireUsable(signs);
    return { keys: keysIn(readAtMostSync(file, MAX_ALLOW_FILE_BYTES)), seen: textOf(signs) };
  } catch (error) {
    const isBad = error instanceof AllowListError;
    const what = isBad ? `${file}: ${error.message}` : `cannot read the file: ${fileTrouble(error, file, "read")}`;
    throw new ConfigError(place.option, `${place.label}: ${what}`, error);
  }
}

/** Whoever may write the list decides who is let in. */
function requireUsable(signs: Signs): void {
  // A pipe can be read once, and whoever opens it waits for who writes.
  if (!signs.isFile()) throw new AllowListError("it is no regular file");
  if (signs.size > MAX_ALLOW_FILE_BYTES) throw tooLarge();
  if (process.platform !== "win32" && (signs.mode & WRITABLE_BY_ALL) !== 0) {
    throw new AllowListError("everyone on this machine can write to it; run chmod o-w on it");
  }
}

/** Throws AllowListError; null: there was more than may be there. */
function keysIn(content: Buffer | null): ReadonlySet<string> {
  if (content === null) throw tooLarge();
  return parseAllowList(content.toString("utf8"));
}

function tooLarge(): AllowListError {
  return new AllowListError(`it is larger than ${MAX_ALLOW_FILE_BYTES} bytes`);
}

function textOf({ mtimeMs, ctimeMs, size, ino, mode }: Signs): string {
  return `${mtimeMs} ${ctimeMs} ${size} ${ino} ${mode}`;
}
