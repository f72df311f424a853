/** Configuration of each command, from a file, the environment and flags at once: it is taken, or refused in words. */
import assert from "node:assert/strict";
import { configEntries } from "../../../src/main/config/config-file.ts";
import { CONSOLIDATE_OPTION_LIST } from "../../../src/main/config/consolidate-options.ts";
import { INDEX_OPTION_LIST } from "../../../src/main/config/index-options.ts";
import { loadConsolidateConfig } from "../../../src/main/config/load-consolidate.ts";
import { loadIndexConfig } from "../../../src/main/config/load-index.ts";
import { loadSimConfig } from "../../../src/main/config/load-sim.ts";
import { loadServeConfig } from "../../../src/main/config/load.ts";
import { type Environment, flagPlace, type Flags, type OptionSpec } from "../../../src/main/config/option-spec.ts";
import { SERVE_OPTION_LIST } from "../../../src/main/config/options.ts";
import type { FileEntries } from "../../../src/main/config/resolve.ts";
import { SIM_OPTION_LIST } from "../../../src/main/config/sim-options.ts";
import { EXIT, KvcastError } from "../../../src/shared/errors.ts";
import { RealFile } from "../real-file.ts";
import { YAML_SYNTAX } from "../syntax.ts";
import { type FuzzTarget, joinParts, partsOf, type Session } from "../target.ts";

interface Command {
  readonly load: (flags: Flags, env: Environment, file?: FileEntries) => unknown;
  readonly options: readonly OptionSpec<unknown>[];
}

const SERVE: Command = { load: loadServeConfig, options: SERVE_OPTION_LIST };
/** By the first word of an input; without one that is here it is for `serve`. */
const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["serve", SERVE],
  ["consolidate", { load: loadConsolidateConfig, options: CONSOLIDATE_OPTION_LIST }],
  ["index", { load: loadIndexConfig, options: INDEX_OPTION_LIST }],
  // It has no file: what stands in one is read for it as for the others, and not used.
  ["sim", { load: loadSimConfig, options: SIM_OPTION_LIST }],
]);
const NEEDED: Readonly<Record<string, string>> = {
  serve: "engine: [http://127.0.0.1:8000, 'synthetic:?rate=10', zmq://127.0.0.1:5557]\nattention-dp-size: 2\n",
  consolidate: "engine-endpoint: ['trtllm@tcp://127.0.0.1:5557', 'vllm@tcp://127.0.0.1:5558']\n",
  index: "block-size: 32\nworkers: ['1=tcp://127.0.0.1:5557']\n",
  sim: "",
};
/** Names a file, which is the input's own. */
const CONFIG = "config";
/** A message may hold the name of a file that it is about, twice, and inputs have long ones. */
const LONGEST_MESSAGE = 9000;
/** Options of one seed. */
const FEW = 6;

const USUAL = `engine-timeout: 1.5 # seconds
zmq-endpoint: "tcp://127.0.0.1:0"
zmq-topic: kv-events
replay-endpoint: ipc:///tmp/x.sock
wire-format: vllm
ring-slots: 0x10
probe-endpoints: [generate, "load_metrics"]
nats-url: nats://a,b
`;

function lines(options: readonly OptionSpec<unknown>[], line: (option: OptionSpec<unknown>) => string): string {
  const given = options.filter((option) => option.name !== CONFIG && option.default !== undefined);
  return given.map((option) => `${line(option)}\n`).join("");
}

/** Of each command all defaults, a few at a time: as a file, as variables, and as flags. */
function seeds(): Buffer[] {
  const parts: string[][] = [
    ["serve", USUAL, "", "engine synthetic:"],
    ["serve", "{}", "KVCAST_ENGINE=synthetic:", "x"],
  ];
  for (const [command, { options }] of COMMANDS) {
    const needed = NEEDED[command] ?? "";
    for (let at = 0; at < options.length; at += FEW) {
      const few = options.slice(at, at + FEW);
      parts.push([command, `${needed}${lines(few, ({ name, default: value }) => `${name}: ${value}`)}`, "", ""]);
      parts.push([command, needed, lines(few, ({ env, default: value }) => `${env[0]?.name ?? ""}=${value}`), ""]);
      parts.push([command, needed, "", lines(few, ({ name, default: value }) => `${name} ${value}`)]);
    }
  }
  return parts.map((texts) => joinParts(texts.map((text) => Buffer.from(text))));
}

export const CONFIGURATION: FuzzTarget = {
  name: "config",
  about: "file, environment and flags of serve, consolidate, index and sim",
  syntax: YAML_SYNTAX,
  // A file of all options has half of it; the parser is no fast one.
  maxBytes: 4096,
  seeds,
  open,
};

/** Pairs of a name and a value, one a line. */
function pairsOf(part: Buffer | undefined, mark: string): [name: string, value: string][] {
  const texts = part === undefined ? [] : part.toString("utf8").split("\n");
  return texts.flatMap((text): [string, string][] => {
    const at = text.indexOf(mark);
    return at <= 0 ? [] : [[text.slice(0, at), text.slice(at + 1)]];
  });
}

function open(): Session {
  const real = new RealFile("kvcast.yaml");

  const run = async (input: Uint8Array): Promise<void> => {
    const [command, yaml = Buffer.alloc(0), env, flags] = partsOf(input);
    const given = new Map<string, string[]>();
    for (const [name, value] of pairsOf(flags, " ")) given.set(name, [...(given.get(name) ?? []), value]);
    given.set(CONFIG, [real.file]);
    const { load, options } = COMMANDS.get(command?.toString() ?? "") ?? SERVE;
    const taken = options.filter((option) => option.name !== CONFIG);
    try {
      const file = real.takes(input, yaml)
        ? undefined
        : configEntries(yaml.toString("utf8"), real.file, flagPlace(CONFIG), taken);
      const loaded = await load(given, Object.fromEntries(pairsOf(env, "=")), file);
      assert.ok(loaded === null || Object.isFrozen(loaded));
    } catch (error) {
      if (!(error instanceof KvcastError)) throw error;
      assert.ok(error.exitCode === EXIT.badConfig || error.exitCode === EXIT.usage, `exit code ${error.exitCode}`);
      assert.ok(error.message.length < LONGEST_MESSAGE, `a message of ${error.message.length} characters`);
    }
  };
  return { run, close: () => real.close() };
}
