/**
 * Picks the value of each option from where it is given: flag, then environment, then file, then default. It keeps the
 * origin of each. MAIN THREAD, at start only.
 */
import type { Origin } from "./config.ts";
import { MissingOptionError, envPlace, flagPlace } from "./option-spec.ts";
import type { Defaulted, Environment, Flags, OptionSpec, Place } from "./option-spec.ts";

/** One entry of a configuration file. */
export interface FileEntry {
  readonly text: string;
  readonly place: Place;
}

export interface Inputs {
  readonly flags: Flags;
  readonly env: Environment;
  /** By option name. */
  readonly file: ReadonlyMap<string, FileEntry>;
}

interface Found {
  readonly text: string;
  readonly place: Place;
  readonly origin: Origin;
}

/** Reads options from one set of inputs. Every method throws ConfigError for a value that is not allowed. */
export class Resolver {
  readonly origins: Map<string, Origin> = new Map();
  readonly #inputs: Inputs;
  readonly #places: Map<string, Place> = new Map();

  constructor(inputs: Inputs) {
    this.#inputs = inputs;
  }

  /** The value of an option that has a default. */
  pick<T>(spec: Defaulted<T>): T {
    const found = this.#find(spec) ?? {
      text: spec.default,
      place: { label: `the default of --${spec.name}`, option: `--${spec.name}` },
      origin: "default",
    };
    return this.#take(spec, found);
  }

  /** The value of an option that may be absent. */
  find<T>(spec: OptionSpec<T>): T | undefined {
    const found = this.#find(spec);
    if (found !== undefined) return this.#take(spec, found);
    this.origins.set(spec.name, "default");
    return undefined;
  }

  /** The value of an option that must be given. Throws MissingOptionError when it is not. */
  require<T>(spec: OptionSpec<T>): T {
    const value = this.find(spec);
    if (value !== undefined) return value;
    const variables = spec.env.map((variable) => variable.name).join(", ");
    throw new MissingOptionError(
      `--${spec.name}`,
      `--${spec.name} is missing; it takes ${spec.type.takes} (or set ${variables})`,
    );
  }

  /** All values of a flag that may be given more than once. */
  all<T>(spec: OptionSpec<T>): T[] {
    const texts = this.#inputs.flags.get(spec.name) ?? [];
    this.origins.set(spec.name, texts.length === 0 ? "default" : "flag");
    return texts.map((text) => spec.type.parse(text, flagPlace(spec.name)));
  }

  /** Where the value of an option came from, for errors about values that do not go together. */
  placeOf(spec: OptionSpec<unknown>): Place {
    return this.#places.get(spec.name) ?? flagPlace(spec.name);
  }

  /** A file that an option names and where it was named, or undefined: none is. */
  namedFile(spec: OptionSpec<string>): { readonly file: string; readonly place: Place } | undefined {
    const file = this.find(spec);
    return file === undefined ? undefined : { file, place: this.placeOf(spec) };
  }

  #take<T>(spec: OptionSpec<T>, found: Found): T {
    this.origins.set(spec.name, found.origin);
    // A default is nobody's mistake: an error about a pair of values is better off with the flag's name.
    if (found.origin !== "default") this.#places.set(spec.name, found.place);
    return spec.type.parse(found.text, found.place);
  }

  #find(spec: OptionSpec<unknown>): Found | undefined {
    // The last flag wins, so that a wrapper script's own can be overridden by adding one.
    const flag = this.#inputs.flags.get(spec.name)?.at(-1);
    if (flag !== undefined) return { text: flag, place: flagPlace(spec.name), origin: "flag" };
    for (const variable of spec.env) {
      const raw = this.#inputs.env[variable.name];
      // An empty variable counts as unset: container files cannot remove a variable, only empty it.
      if (raw === undefined || raw.trim() === "") continue;
      const place = envPlace(variable.name, spec.name);
      const text = variable.translate === undefined ? raw : variable.translate(raw, place);
      if (text !== undefined) return { text, place, origin: "env" };
    }
    const entry = this.#inputs.file.get(spec.name);
    return entry === undefined ? undefined : { ...entry, origin: "file" };
  }
}
