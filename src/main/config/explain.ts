/**
 * What a service would run with, option by option and with the place of each value; and all that is wrong with it, not only what
 * would end a start first. MAIN THREAD, in `kvcast config` and `support-bundle`.
 */
import { ConfigError } from "../../shared/errors.ts";
import { MASK, withoutUserinfo } from "../../shared/secret.ts";
import type { TargetName } from "./config-options.ts";
import { type ConfigTarget, TARGETS } from "./config-targets.ts";
import { fileEntries } from "./load.ts";
import { SECRET_VARIABLES } from "./load-nats.ts";
import { type Environment, type Flags, MissingOptionError, type OptionSpec, type Origin } from "./option-spec.ts";
import { type Found, type Inputs, Resolver } from "./resolve.ts";

/** A value that costs itself when it is wrong leaves at most so many others to be wrong. */
const MAX_PROBLEMS = 100;

/** One option as it counts. */
export interface ExplainedOption {
  readonly name: string;
  /** As they are written; none: it has no value. */
  readonly values: readonly string[];
  readonly origin: Origin;
  /** The flag, the variable, or file and line; null for a default. */
  readonly from: string | null;
  /** What a missing value means, where it is another option's to say. */
  readonly note: string | null;
}

/** A variable that holds a secret. */
interface ExplainedSecret {
  readonly variable: string;
  readonly value: typeof MASK;
}

export interface Explained {
  readonly command: TargetName;
  readonly options: readonly ExplainedOption[];
  readonly secrets: readonly ExplainedSecret[];
  /** In the order in which they were found; no secrets in them. */
  readonly problems: readonly ConfigError[];
  readonly warnings: readonly string[];
}

/** Reads files that options name, as a start does, and nothing else. Throws ConfigError for a file that cannot be read. */
export async function explain(command: TargetName, flags: Flags, env: Environment): Promise<Explained> {
  const target = TARGETS[command];
  const problems: ConfigError[] = strangers(command, flags);
  const known = new Map([...flags].filter(([name]) => target.options.some((option) => option.name === name)));
  const file = await fileEntries(known, env, target.options, (problem) => problems.push(problem));
  const inputs = { flags: known, env, file };
  const resolver = new Resolver(inputs);
  const options = target.options.map((option) => explained(option, resolver.look(option)));
  const warnings = await findProblems(target, inputs, problems);
  const secrets = SECRET_VARIABLES.filter((variable) => (env[variable]?.trim() ?? "") !== "");
  return {
    command,
    options,
    secrets: secrets.map((variable) => ({ variable, value: MASK })),
    problems,
    warnings,
  };
}

/** Flags of another service. */
function strangers(command: TargetName, flags: Flags): ConfigError[] {
  const own = new Set(TARGETS[command].options.map(({ name }) => name));
  return [...flags.keys()]
    .filter((name) => !own.has(name))
    .map((name) => new ConfigError(`--${name}`, `--${name}: kvcast ${command} has no such option`));
}

function explained(option: OptionSpec<unknown>, found: readonly Found[]): ExplainedOption {
  const { name } = option;
  const [first] = found;
  if (first === undefined) {
    const { default: text, defaultNote = null } = option;
    return { name, values: text === undefined ? [] : [text], origin: "default", from: null, note: defaultNote };
  }
  const { origin, place } = first;
  // What is wrong with a value is said elsewhere; a secret in it must not be.
  const values = found.map(({ text }) => withoutUserinfo(text.trim()));
  return { name, values, origin, from: place.where ?? place.option, note: null };
}

/** Adds to `problems`; returns the warnings of what is left when each wrong value is taken away. */
async function findProblems(target: ConfigTarget, inputs: Inputs, problems: ConfigError[]): Promise<readonly string[]> {
  let rest = inputs;
  const resolver = new Resolver(inputs);
  for (const option of target.options) {
    for (const found of resolver.look(option)) {
      const problem = problemOf(option, found);
      if (problem === null) continue;
      problems.push(problem);
      rest = without(rest, problem.option);
    }
  }
  const removed = new Set(problems.map(({ option }) => nameOf(option, target)));
  while (problems.length < MAX_PROBLEMS) {
    try {
      return await target.load(rest.flags, rest.env, rest.file);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const name = nameOf(error.option, target);
      const standIn = target.standIns[name];
      const isGiven = !(error instanceof MissingOptionError) && isIn(rest, error.option);
      // Of what was taken away for being wrong, nobody needs to hear that it is missing.
      if (!removed.has(name) || isGiven) problems.push(error);
      if (isGiven) rest = without(rest, error.option);
      else if (standIn !== undefined && !rest.flags.has(name)) {
        rest = { ...rest, flags: new Map([...rest.flags, [name, [standIn]]]) };
      } else return [];
      removed.add(name);
    }
  }
  return [];
}

function problemOf(option: OptionSpec<unknown>, { text, place }: Found): ConfigError | null {
  try {
    option.type.parse(text, place);
    return null;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

/** The option that an error is about, which names a flag, a variable or a key. */
function nameOf(place: string, { options }: ConfigTarget): string {
  if (place.startsWith("--")) return place.slice(2);
  return options.find(({ env }) => env.some(({ name }) => name === place))?.name ?? place;
}

function isIn({ flags, env, file }: Inputs, place: string): boolean {
  return place.startsWith("--") ? flags.has(place.slice(2)) : env[place] !== undefined || file.has(place);
}

/** The inputs without a value, by what its place is called. */
function without({ flags, env, file }: Inputs, place: string): Inputs {
  if (place.startsWith("--")) return { flags: lacking(flags, place.slice(2)), env, file };
  return env[place] === undefined
    ? { flags, env, file: lacking(file, place) }
    : { flags, env: { ...env, [place]: undefined }, file };
}

function lacking<V>(map: ReadonlyMap<string, V>, key: string): Map<string, V> {
  return new Map([...map].filter(([name]) => name !== key));
}
