/**
 * The web configuration of a running server: read at the start, and again whenever it or a file that it names has changed.
 * MAIN THREAD.
 *
 * What counts is what stands in the files, not when they were written: Kubernetes swaps links. They are looked at when a
 * connection or a request comes, once a second at most. A bad new file changes nothing but the log: who was let in still is,
 * who was not is not, and a half-written file does not cut off monitoring.
 */
import { createHash } from "node:crypto";
import { ConfigError, messageOf } from "../../shared/errors.ts";
import { type Place, refused } from "../config/option-spec.ts";
import { readAtMost } from "../read-at-most.ts";
import { within } from "../within.ts";
import { filesOf, tlsMaterial, type TlsMaterial, TlsMaterialError } from "./tls-material.ts";
import { type WebConfig, webConfigOf } from "./web-config.ts";
import { fileTrouble } from "../file-trouble.ts";

const MAX_FILE_BYTES: number = 1024 * 1024;
const LOOK_INTERVAL_MS = 1000;
/** A file system that hangs must not hold up a probe. */
const MAX_LOOK_MS = 1000;

export interface LoadedWebConfig {
  readonly config: WebConfig;
  /** Null: plain HTTP. */
  readonly tls: TlsMaterial | null;
  /** Of what stands in each file that was read, by its name. */
  readonly digests: ReadonlyMap<string, string>;
}

/** What became of a look at the files. */
export interface WebConfigEvents {
  onRenewed(): void;
  /** Once for each bad state of the files. */
  onBad(error: ConfigError): void;
}

/** Whether whoever asks for more than a probe has to show who they are. */
export function asksWho({ config, tls }: LoadedWebConfig): boolean {
  return config.users.size > 0 || (tls !== null && tls.clientAuth.needs && tls.clientAuth.verifies);
}

/** Whether there is anyone who may have what is private where others can reach the server: whoever shows who they are. */
export function knowsSome({ config, tls }: LoadedWebConfig): boolean {
  return config.users.size > 0 || (tls !== null && tls.clientAuth.verifies);
}

/** What keeps people out, and whether it does. */
const GUARDS: readonly (readonly [string, (loaded: LoadedWebConfig) => boolean])[] = [
  ["basic_auth_users asks for passwords", ({ config }) => config.users.size > 0],
  ["client_auth_type demands certificates", ({ tls }) => tls?.clientAuth.needs === true],
  ["client_auth_type verifies certificates", ({ tls }) => tls?.clientAuth.verifies === true],
  ["client_allowed_sans bounds who is let in", ({ tls }) => tls !== null && tls.allowedSans !== null],
];

/** What a file holds; null when that is more than `maxBytes`. Rejects as the file system does. */
export type ReadFile = (file: string, maxBytes: number) => Promise<Buffer | null>;

/** Reads all of it, with the files that it names. Throws ConfigError. */
export async function loadWebConfig(file: string, place: Place, read: ReadFile = readAtMost): Promise<LoadedWebConfig> {
  const text = await readBounded(file, file, place, read);
  const digests = new Map([[file, digestOf(text)]]);
  const fault = (line: number, reason: string): ConfigError =>
    refused(place, `${file}${line === 0 ? "" : ` line ${line}`}: ${reason}`);
  const { yamlTree } = await import("../config/yaml-tree.ts");
  const tree = yamlTree(text.toString("utf8"));
  if ("problem" in tree) {
    // The library's message quotes the file, in which there may be a key.
    throw fault(tree.problem.line, `not valid YAML (${tree.problem.code})`);
  }
  const config = webConfigOf(tree.root, file, fault);
  if (config.tls === null) return { config, tls: null, digests };
  const contents = new Map<string, Buffer>();
  for (const named of filesOf(config.tls)) {
    const content = await readBounded(named.file, `${file}: ${named.key}`, place, read);
    contents.set(named.file, content);
    digests.set(named.file, digestOf(content));
  }
  try {
    return { config, tls: tlsMaterial(config.tls, contents), digests };
  } catch (error) {
    if (!(error instanceof TlsMaterialError)) throw error;
    throw refused(place, `${file}: ${error.key}: ${error.message}`);
  }
}

export class WebConfigFile {
  readonly #file: string;
  readonly #place: Place;
  readonly #events: WebConfigEvents;
  #current: LoadedWebConfig;
  #lookedMs: number = performance.now();
  #look: Promise<void> | null = null;
  /** Of the last bad state, so that it is told once. */
  #told: string = "";

  private constructor(file: string, place: Place, events: WebConfigEvents, current: LoadedWebConfig) {
    this.#file = file;
    this.#place = place;
    this.#events = events;
    this.#current = current;
  }

  /** Throws ConfigError. */
  static async open(file: string, place: Place, events: WebConfigEvents): Promise<WebConfigFile> {
    return new WebConfigFile(file, place, events, await loadWebConfig(file, place));
  }

  /** As last read. */
  get current(): LoadedWebConfig {
    return this.#current;
  }

  /** The newest, unless it was looked for within the last second. Never rejects. */
  async fresh(): Promise<LoadedWebConfig> {
    if (this.#look === null && performance.now() - this.#lookedMs >= LOOK_INTERVAL_MS) {
      this.#look = this.#renew().finally(() => {
        this.#lookedMs = performance.now();
        this.#look = null;
      });
    }
    if (this.#look !== null) await within(this.#look, MAX_LOOK_MS);
    return this.#current;
  }

  async #renew(): Promise<void> {
    if (this.#told === "" && (await this.#isSame())) return;
    let found: LoadedWebConfig;
    try {
      found = await loadWebConfig(this.#file, this.#place);
      if ((found.tls === null) !== (this.#current.tls === null)) {
        throw refused(this.#place, `${this.#file}: TLS is turned on and off by a restart only`);
      }
      // An empty file is a good one, and so is the first half of many: neither may open what is closed.
      for (const [guard, isUp] of GUARDS) {
        if (isUp(this.#current) && !isUp(found)) {
          throw refused(this.#place, `${this.#file}: ${guard} no longer; that takes a restart`);
        }
      }
    } catch (error) {
      const bad = error instanceof ConfigError ? error : refused(this.#place, messageOf(error));
      if (bad.message === this.#told) return;
      this.#told = bad.message;
      this.#events.onBad(bad);
      return;
    }
    this.#told = "";
    this.#current = found;
    this.#events.onRenewed();
  }

  /** Whether each file has what it had. Cheaper than to make sense of them again. */
  async #isSame(): Promise<boolean> {
    try {
      for (const [file, digest] of this.#current.digests) {
        if (digestOf(await readBounded(file, file, this.#place)) !== digest) return false;
      }
      return true;
    } catch {
      return false;
    }
  }
}

function digestOf(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

/** At most a megabyte; `label` says what it is. */
async function readBounded(file: string, label: string, place: Place, read: ReadFile = readAtMost): Promise<Buffer> {
  let content: Buffer | null;
  try {
    content = await read(file, MAX_FILE_BYTES);
  } catch (error) {
    throw new ConfigError(
      place.option,
      `${place.label}: ${label}: cannot read the file: ${fileTrouble(error, file, "read")}`,
      error,
    );
  }
  if (content === null) throw refused(place, `${label}: ${file} is larger than ${MAX_FILE_BYTES} bytes`);
  return content;
}
