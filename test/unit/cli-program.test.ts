/** The command line without a process around it: exit codes, streams, messages, help pages. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { EXIT_CODES } from "../../src/main/cli/pages/exit-codes.ts";
import { runCli } from "../../src/main/cli/program.ts";
import { VERSION } from "../../src/main/cli/version.ts";
import { CLUSTER_COMMAND_OPTION_LIST } from "../../src/main/config/cluster-options.ts";
import { FLOOD_OPTION_LIST } from "../../src/main/config/flood-options.ts";
import { SERVE_OPTION_LIST } from "../../src/main/config/options.ts";
import { SIM_OPTION_LIST } from "../../src/main/config/sim-options.ts";
import { TAIL_OPTION_LIST } from "../../src/main/config/tail-options.ts";
import { EXIT } from "../../src/shared/errors.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  let out = "";
  let err = "";
  const code = await runCli({ argv, env, out: (text) => (out += text), err: (text) => (err += text) });
  return { code, out, err };
}

/** The last line but for the next step. */
function errorLine(ran: Ran): string {
  const lines = ran.err.split("\n").filter((line) => line.startsWith("kvcast: error: "));
  assert.equal(lines.length, 1, ran.err);
  return lines[0] ?? "";
}

test("the version is that of the package", async () => {
  const manifest: { readonly version?: unknown } = JSON.parse(
    readFileSync(path.join(process.cwd(), "package.json"), "utf8"),
  );
  assert.equal(VERSION, manifest.version);
  for (const flag of ["--version", "-V"])
    assert.deepEqual(await run([flag]), { code: 0, out: `kvcast ${VERSION}\n`, err: "" });
});

test("help is data, starts with examples, and lists every option with its variables and default", async () => {
  for (const [name, options] of [
    ["serve", SERVE_OPTION_LIST],
    ["sim", SIM_OPTION_LIST],
    ["tail", TAIL_OPTION_LIST],
    ["flood", FLOOD_OPTION_LIST],
    ["cluster", CLUSTER_COMMAND_OPTION_LIST],
  ] as const) {
    const ran = await run(["help", name]);
    assert.equal(ran.code, EXIT.ok);
    assert.equal(ran.err, "");
    assert.ok(ran.out.startsWith("Examples:\n"), ran.out.slice(0, 80));
    assert.ok(ran.out.indexOf("Usage:") < ran.out.indexOf(`--${options[0]?.name} ${options[0]?.type.placeholder}`));
    const flat = ran.out.replaceAll(/\s+/g, " ");
    for (const option of options) {
      assert.ok(flat.includes(` --${option.name} ${option.type.placeholder} ${option.help} `), option.name);
      for (const variable of option.env) assert.ok(flat.includes(variable.name), variable.name);
      if (option.default) assert.ok(flat.includes(` Default: ${option.default}.`), option.name);
    }
    for (const flag of ["--help", "-h"]) assert.deepEqual(await run([name, flag]), ran);
  }
  const root = await run(["--help"]);
  assert.deepEqual(await run(["help"]), root);
  assert.ok(root.out.startsWith("Examples:\n") && root.code === EXIT.ok);
});

test("help fits 80 columns, but for words that cannot be broken", async () => {
  for (const argv of [["help"], ["help", "serve"], ["help", "sim"], ["help", "flood"]]) {
    for (const line of (await run(argv)).out.split("\n")) {
      assert.ok(line.length <= 80 || !line.startsWith("      ") || !line.trim().includes(" "), line);
    }
  }
});

test("every exit code that kvcast uses is documented", () => {
  const documented = EXIT_CODES.flatMap(({ name }) => name.split(", ").map(Number));
  // Codes of commands that do not exist yet are documented with those.
  const later: readonly number[] = [EXIT.unhealthy];
  for (const code of Object.values(EXIT)) assert.ok(documented.includes(code) || later.includes(code), String(code));
});

test("wrong usage is exit 2, said once, with a suggestion and the next step", async () => {
  for (const [argv, message, next] of [
    [["srve"], "unknown command 'srve' (Did you mean serve?)", "kvcast help"],
    [["--nonsense"], "unknown option '--nonsense'", "kvcast help"],
    [
      ["serve", "--kv-blok-size", "3"],
      "unknown option '--kv-blok-size' (Did you mean --kv-block-size?)",
      "kvcast help serve",
    ],
    [
      ["serve", "--kv-blok-size=3"],
      "unknown option '--kv-blok-size' (did you mean --kv-block-size?)",
      "kvcast help serve",
    ],
    [["sim", "--sed=3"], "unknown option '--sed' (did you mean --seed?)", "kvcast help sim"],
    [["tail", "--tpic=3"], "unknown option '--tpic' (did you mean --topic?)", "kvcast help tail"],
    [
      ["tail", "x", "y"],
      "too many words: tail takes no more than [EP] and flags; a value goes behind its flag",
      "kvcast help tail",
    ],
    [["serve", "--engine"], "option '--engine <value>' argument missing", "kvcast help serve"],
    [
      ["serve", "x"],
      "too many words: serve takes flags only; a value goes behind its flag, as --engine URL",
      "kvcast help serve",
    ],
    [["sim", "x"], "too many words: sim takes flags only; a value goes behind its flag", "kvcast help sim"],
  ] as const) {
    const ran = await run(argv);
    assert.equal(ran.code, EXIT.usage, argv.join(" "));
    assert.equal(ran.out, "");
    assert.equal(ran.err, `kvcast: error: ${message}\nkvcast: "${next}" lists what there is\n`);
  }
  const swallowed = await run(["serve", "--engine", "--kv-block-size", "32"]);
  assert.equal(swallowed.code, EXIT.usage);
  assert.match(errorLine(swallowed), /'--engine <value>' argument '--kv-block-size' is invalid.*the value is missing/);
});

test("no command, and no such command to help with", async () => {
  for (const [argv, message] of [
    [[], "kvcast: error: a command is missing"],
    [["help", "nonsense"], 'kvcast: error: there is no command "nonsense"'],
  ] as const) {
    const ran = await run(argv);
    assert.equal(ran.code, EXIT.usage);
    assert.equal(ran.out, "");
    assert.ok(ran.err.startsWith("Examples:\n"), ran.err);
    assert.equal(errorLine(ran), message);
  }
});

test("serve without an engine is exit 78 with the help page", async () => {
  const ran = await run(["serve"]);
  assert.equal(ran.code, EXIT.badConfig);
  assert.equal(ran.out, "");
  assert.ok(ran.err.startsWith("Examples:\n"));
  assert.ok(ran.err.includes("--zmq-endpoint EP"));
  assert.match(errorLine(ran), /--engine is missing/);
  assert.ok(ran.err.trimEnd().endsWith(errorLine(ran)), "the error comes last");
});

test("a bad value is exit 78 and names place, value and what is allowed", async () => {
  for (const [argv, env, message] of [
    [
      ["--kv-block-size", "0"],
      {},
      '--kv-block-size: "0" is not allowed; it takes a whole number of tokens from 1 to 65536',
    ],
    [
      ["--kv-block-size=0"],
      {},
      '--kv-block-size: "0" is not allowed; it takes a whole number of tokens from 1 to 65536',
    ],
    [
      ["--wire-format", "x"],
      {},
      '--wire-format: "x" is not allowed; it takes one of vllm, dynamo, dynamo-2026-01, vllm-array',
    ],
    [
      [],
      { DYN_SYSTEM_PORT: "65536" },
      'DYN_SYSTEM_PORT (--system-port): "65536" is not allowed; it takes a port from 1 to 65535, ' +
        "0 for any free one, or -1 for no HTTP server",
    ],
  ] as const) {
    const ran = await run(["serve", "--engine", "synthetic:", ...argv], env);
    assert.equal(ran.code, EXIT.badConfig);
    assert.equal(ran.out, "");
    assert.equal(ran.err, `kvcast: error: ${message}\nkvcast: "kvcast help serve" says what each option takes\n`);
  }
  assert.equal((await run(["sim", "--fault", "nonsense"])).code, EXIT.badConfig);
});

test("a switch may stand alone, and swallows neither the flag behind it nor its own value", async () => {
  // What is missing besides tells how the switch was understood.
  const state = ["serve", "--engine", "synthetic:", "--state-dir", "d", "--zmq-endpoint", "none"];
  const replay = ["--replay-endpoint", "tcp://127.0.0.1:5558"];
  for (const [argv, message] of [
    [[...state, ...replay], /--state-dir: .*add --snapshot$/],
    [[...state, "--snapshot", ...replay], /--replay-endpoint: .*nothing is published/],
    [[...state, ...replay, "--snapshot"], /--replay-endpoint: .*nothing is published/],
    [[...state, ...replay, "--snapshot", "off"], /--state-dir: .*add --snapshot$/],
    [[...state, ...replay, "--snapshot=off"], /--state-dir: .*add --snapshot$/],
    [[...state, "--snapshot", "maybe"], /--snapshot: "maybe" is not allowed; it takes on or off$/],
  ] as const) {
    const ran = await run(argv);
    assert.equal(ran.code, EXIT.badConfig, argv.join(" "));
    assert.match(errorLine(ran), message, argv.join(" "));
  }
});

test("a negative value is a value", async () => {
  const ran = await run(["serve", "--system-port", "-1", "--encoders", "0"]);
  // The engine is missing; what matters is that -1 was not taken for a flag.
  assert.equal(ran.code, EXIT.badConfig);
});

test("no secret of a URL is printed, however the command line is wrong", async () => {
  const url = "http://user:s3cr3t@h:1";
  for (const argv of [
    ["serve", "--engine", url],
    ["serve", `--engine=${url}`],
    ["serve", `--engin=${url}`],
    ["serve", url],
    ["serve", "--engine", `ftp://user:s3cr3t@h`],
  ]) {
    const ran = await run(argv);
    assert.notEqual(ran.code, EXIT.ok);
    assert.ok(!(ran.out + ran.err).includes("s3cr3t"), argv.join(" "));
  }
});

test("cluster: the command, and a level behind log-level and nothing else", async () => {
  for (const [argv, message] of [
    [["cluster"], /missing required argument 'COMMAND'/],
    [["cluster", "reboot"], /'reboot' is invalid for argument 'COMMAND'. Allowed choices are status, drain, clear, /],
    [["cluster", "log-level"], /log-level: the level is missing behind it/],
    [["cluster", "status", "debug"], /status takes nothing behind it, as "debug"/],
  ] as const) {
    const ran = await run(argv);
    assert.equal(ran.code, EXIT.usage, argv.join(" "));
    assert.match(errorLine(ran), message);
  }
  const level = await run(["cluster", "log-level", "loud"]);
  assert.equal(level.code, EXIT.badConfig);
  assert.match(errorLine(level), /log-level: "loud" is not allowed; it takes one of trace, debug, info, warn, error/);
});
