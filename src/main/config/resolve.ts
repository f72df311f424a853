/**
 * Picks the value of each option from where it is given: flag, then environment, then file, then default. It keeps the
 * origin of each. MAIN THREAD, at start only.
 */
import type { Origin } from "./option-spec.ts";
import { MissingOptionError, envPlace, flagPlace } from "./option-spec.ts";
import type { Defaulted, Environment, Flags, OptionSpec, Place, Repeatable } from "./option-spec.ts";

/** One value of a configuration file. */
export interface FileEntry {
  readonly text: string;
  readonly place: Place;
}

/** By option name; more than one value only where the option is repeatable. */
export type FileEntries = ReadonlyMap<string, readonly FileEntry[]>;

export interface Inputs {
  readonly flags: Flags;
  readonly env: Environment;
  readonly file: FileEntries;
}

/** One value of a repeatable option, and where it was given. */
export interface Given<T> {
  readonly value: T;
  readonly place: Place;
}

/** Values of an option as they are written, and where. */
export interface Found {
  readonly text: string;
  readonly place: Place;
  readonly origin: Origin;
}

/** Reads options from one set of inputs. Every method throws ConfigError for a value that is not allowed. */
export class Resolver {
  readonly origins: Map<string, Origin> = new Map();
  /** Values as they were written, several with spaces between them. No option takes a secret, only names of files with one. */
  readonly texts: Map<string, string> = new Map();
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
    if (value === undefined) throw missing(spec);
    return value;
  }

  /** All values of an option that may have several, in the order in which they were given. */
  all<T>(spec: Repeatable<T>): Given<T>[] {
    const found = this.#findAll(spec);
    this.origins.set(spec.name, found[0]?.origin ?? "default");
    if (found.length > 0) this.texts.set(spec.name, found.map(({ text }) => text.trim()).join(" "));
    return found.map(({ text, place }) => ({ value: spec.type.parse(text, place), place }));
  }

  /** The same of one that must be given. Throws MissingOptionError when it is not. */
  requireAll<T>(spec: Repeatable<T>): [Given<T>, ...Given<T>[]] {
    const [first, ...rest] = this.all(spec);
    if (first === undefined) throw missing(spec);
    return [first, ...rest];
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

  /** What is given for an option, unparsed; more than one only where it is repeatable. Empty: it has its default. */
  look(spec: OptionSpec<unknown>): readonly Found[] {
    const found = this.#findAll(spec);
    return spec.repeatable === true ? found : found.slice(-1);
  }

  #take<T>(spec: OptionSpec<T>, found: Found): T {
    this.origins.set(spec.name, found.origin);
    this.texts.set(spec.name, found.text.trim());
    // A default is nobody's mistake: an error about a pair of values is better off with the flag's name.
    if (found.origin !== "default") this.#places.set(spec.name, found.place);
    return spec.type.parse(found.text, found.place);
  }

  #find(spec: OptionSpec<unknown>): Found | undefined {
    // The last flag wins, so that a wrapper script's own can be overridden by adding one.
    return this.#findAll(spec).at(-1);
  }

  /** All that stands in the first place that has anything; more than one value of a flag, or where it is repeatable. */
  #findAll(spec: OptionSpec<unknown>): Found[] {
    const flags = this.#inputs.flags.get(spec.name) ?? [];
    if (flags.length > 0) return flags.map((text) => ({ text, place: flagPlace(spec.name), origin: "flag" }));
    for (const variable of spec.env) {
      const raw = this.#inputs.env[variable.name];
      // An empty variable counts as unset: container files cannot remove a variable, only empty it.
      if (raw === undefined || raw.trim() === "") continue;
      const place = envPlace(variable.name, spec.name);
      const text = variable.translate === undefined ? raw : variable.translate(raw, place);
      if (text === undefined) continue;
      const texts = spec.repeatable === true ? text.trim().split(/\s+/) : [text];
      return texts.map((each) => ({ text: each, place, origin: "env" }));
    }
    return (this.#inputs.file.get(spec.name) ?? []).map((entry) => ({ ...entry, origin: "file" }));
  }
}

function missing(spec: OptionSpec<unknown>): MissingOptionError {
  const variables = spec.env.map((variable) => variable.name).join(", ");
  return new MissingOptionError(
    `--${spec.name}`,
    `--${spec.name} is missing; it takes ${spec.type.takes} (or set ${variables})`,
  );
}
