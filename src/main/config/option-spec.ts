/**
 * What one option is: its names, the type of its value, its default, its help. The tables of options are made of these,
 * and the command line, the environment, the configuration file, the help and the documentation all read the tables,
 * so that none of them can say something else than the others. MAIN THREAD, at start only.
 */
import { ConfigError } from "../../shared/errors.ts";
import { withoutUserinfo } from "../../shared/secret.ts";

/** Where a value was found, for error messages. */
export interface Place {
  /** In words: `--kv-block-size`, `DYN_SYSTEM_PORT (--system-port)`. */
  readonly label: string;
  /** What a user would search for: the flag or the variable. Becomes `ConfigError.option`. */
  readonly option: string;
  /** File and line, for a value from a file. */
  readonly where?: string;
}

/** A schema, or a part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** How a value is written, and what it becomes. */
export interface ValueType<T> {
  /** Stands for the value in help: `N`, `FILE`. */
  readonly placeholder: string;
  /** Completes "it takes …", with range and unit. */
  readonly takes: string;
  /** How it may be written in a configuration file, as JSON Schema; absent: as any text. Never stricter than `parse`. */
  readonly json?: JsonSchema;
  /** Throws ConfigError, with the place and what is allowed. */
  parse(text: string, place: Place): T;
}

/** An environment variable that an option listens to. */
interface EnvName {
  readonly name: string;
  /** For help and documentation, where the variable is not written like the flag's value. */
  readonly note?: string;
  /** Text of the variable in the option's own terms; undefined when it does not say anything about this option. */
  readonly translate?: (text: string, place: Place) => string | undefined;
}

/** One option. `Defaulted` has a default, so that its value is never missing. */
export interface OptionSpec<T> {
  /** The flag without the dashes, and the key in configuration files. */
  readonly name: string;
  readonly type: ValueType<T>;
  /** In order of precedence. */
  readonly env: readonly EnvName[];
  /** What the flag means when it stands alone, without a value. */
  readonly bare?: string;
  /** It may have several values: see `Repeatable`. */
  readonly repeatable?: boolean;
  /** As a user would write it: it goes through the same parser as every other value. */
  readonly default?: string;
  /** In words, where the default is the value of another option. */
  readonly defaultNote?: string;
  readonly group: string;
  /** A sentence or two, for help and documentation. */
  readonly help: string;
}

export interface Defaulted<T> extends OptionSpec<T> {
  readonly default: string;
}

/**
 * An option with any number of values: the flag is given several times, a variable holds several with white space between
 * them, the file has a list. Those of one place count; they are never added up over places.
 */
export interface Repeatable<T> extends OptionSpec<T> {
  readonly repeatable: true;
}

/** What values may be read from. */
export type Environment = Readonly<Record<string, string | undefined>>;
/** By option name; more than one text where a flag was given more than once. */
export type Flags = ReadonlyMap<string, readonly string[]>;

/** An option without which a command cannot start. */
export class MissingOptionError extends ConfigError {}

const MAX_SHOWN_CHARS = 100;

/** A value as it may stand in a message: quoted, on one line, short, and without the user names and passwords of URLs. */
export function quoted(text: string): string {
  const safe = withoutUserinfo(text);
  return JSON.stringify(safe.length > MAX_SHOWN_CHARS ? `${safe.slice(0, MAX_SHOWN_CHARS)}…` : safe);
}

/** The error for a value that is not of the type. */
export function notAllowed(place: Place, text: string, takes: string, hint: string = ""): ConfigError {
  return new ConfigError(place.option, `${place.label}: ${quoted(text)} is not allowed${hint}; it takes ${takes}`);
}

/** The error for a value that is not allowed for a reason of its own. The reason must not hold a secret. */
export function refused(place: Place, reason: string): ConfigError {
  return new ConfigError(place.option, `${place.label}: ${reason}`);
}

export function flagPlace(name: string): Place {
  return { label: `--${name}`, option: `--${name}` };
}

export function envPlace(variable: string, name: string): Place {
  return { label: `${variable} (--${name})`, option: variable };
}

/** A file name with the place that gave it. */
export interface NamedFile {
  readonly file: string;
  readonly place: Place;
}

/** Where the value of an option came from. */
export type Origin = "flag" | "env" | "file" | "default";
