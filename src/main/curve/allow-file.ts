/**
 * The file of clients that may connect, and what stood there last that made sense. MAIN THREAD.
 *
 * Whether it has changed is looked up before each answer, so that what is written there goes for the next handshake, and now
 * and then besides, so that a mistake is told without one. Watching would miss files that are replaced by way of a link, as
 * Kubernetes does, and files of network file systems. A list that cannot be used leaves the one before it in force: half a list
 * would lock out whoever stands in the other half, none would lock out everyone.
 */
import { readFileSync, statSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import { ConfigError, messageOf } from "../../shared/errors.ts";
import type { NamedFile } from "../config/option-spec.ts";
import { AllowListError, MAX_ALLOW_FILE_BYTES, parseAllowList } from "./allow-list.ts";

const LOOK_EVERY_MS = 5000;
const WRITABLE_BY_ALL = 0o002;

/** What decides whether a file is another one, or was written to. */
interface Signs {
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly size: number;
  readonly ino: number;
  readonly mode: number;
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
  #looking: Promise<void> = Promise.resolve();
  readonly #timer: NodeJS.Timeout;

  /** Reads the file. Throws ConfigError when it is not there or cannot be used. */
  constructor(named: NamedFile, ports: AllowFilePorts) {
    this.#file = named.file;
    this.#ports = ports;
    ({ keys: this.#keys, seen: this.#seen } = readAllowFile(named));
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS).unref();
  }

  /** Whether this key, 64 hexadecimal digits, stands in the file now. Never rejects. */
  async has(key: string): Promise<boolean> {
    await this.#look();
    return this.#keys.has(key);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** One look behind the other: whoever asks gets the answer of a look that began after the question. */
  #look(): Promise<void> {
    return (this.#looking = this.#looking.then(() => this.#refresh()));
  }

  async #refresh(): Promise<void> {
    try {
      const signs = await stat(this.#file);
      const seen = textOf(signs);
      if (seen === this.#seen) return;
      this.#seen = seen;
      requireUsable(signs);
      this.#keys = parseAllowList(await readBounded(this.#file));
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
    return { keys: parseAllowList(readFileSync(file, "utf8")), seen: textOf(signs) };
  } catch (error) {
    const isBad = error instanceof AllowListError;
    const what = isBad ? `${file}: ${error.message}` : `cannot read the file: ${messageOf(error)}`;
    throw new ConfigError(place.option, `${place.label}: ${what}`, error);
  }
}

/** Whoever may write the list decides who is let in. */
function requireUsable({ mode, size }: Signs): void {
  if (size > MAX_ALLOW_FILE_BYTES) throw new AllowListError(`it is larger than ${MAX_ALLOW_FILE_BYTES} bytes`);
  if (process.platform !== "win32" && (mode & WRITABLE_BY_ALL) !== 0) {
    throw new AllowListError("everyone on this machine can write to it; run chmod o-w on it");
  }
}

/** It may have grown since it was looked at. */
async function readBounded(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const content = Buffer.alloc(MAX_ALLOW_FILE_BYTES);
    const { bytesRead } = await handle.read(content, 0, MAX_ALLOW_FILE_BYTES, 0);
    return content.toString("utf8", 0, bytesRead);
  } finally {
    await handle.close();
  }
}

function textOf({ mtimeMs, ctimeMs, size, ino, mode }: Signs): string {
  return `${mtimeMs} ${ctimeMs} ${size} ${ino} ${mode}`;
}
