/** What `kvcast flood` makes of its arguments, and the command that it says repeats a test. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runCli } from "../../src/main/cli/program.ts";
import { FLOOD_OPTION_LIST } from "../../src/main/config/flood-options.ts";
import { type FloodConfig, loadFloodConfig } from "../../src/main/config/load-flood.ts";
import { commandLine } from "../../src/main/flood/command-line.ts";
import { ConfigError, EXIT } from "../../src/shared/errors.ts";

function load(flags: Readonly<Record<string, string>>, ...serveArgs: readonly string[]): FloodConfig {
  return loadFloodConfig(new Map(Object.entries(flags).map(([name, text]) => [name, [text]])), serveArgs, false);
}

test("without arguments: the built-in engine, as fast as it goes, ten seconds", () => {
  assert.deepEqual(load({}), {
    pipeline: {
      source: "builtin",
      traffic: { ratePerSecond: Infinity, blocks: 2, tokens: 32, ranks: 1, removed: 0.2, seed: 1, burst: 1 },
      serveArgs: [],
    },
    profile: "steady",
    durationMs: 10_000,
    warmUpMs: 2000,
    limits: { minDeliveredShare: 0.95, maxAgeMicros: 100_000 },
    minPerSecond: null,
    json: false,
  });
});

test("a ramp has its own start and its own duration, both of which can be given", () => {
  const ramp = load({ profile: "ramp" });
  assert.ok(ramp.pipeline.source === "builtin");
  assert.equal(ramp.pipeline.traffic.ratePerSecond, 10_000);
  assert.equal(ramp.durationMs, 4000);
  const given = load({ profile: "ramp", rate: "500", duration: "1.5", "max-age": "20" });
  assert.ok(given.pipeline.source === "builtin");
  assert.equal(given.pipeline.traffic.ratePerSecond, 500);
  assert.equal(given.durationMs, 1500);
  assert.equal(given.limits.maxAgeMicros, 20_000);
});

test("a burst has the rate on average", () => {
  const { pipeline } = load({ profile: "burst", rate: "1000", source: "sim" });
  assert.ok(pipeline.source === "sim");
  assert.equal(pipeline.traffic.ratePerSecond, 1000);
  assert.equal(pipeline.traffic.burst, 5);
});

test("a running service is tested under the load that it has", () => {
  const { pipeline } = load({ "zmq-endpoint": "tcp://h:5", "metrics-url": "http://h:8081" });
  assert.deepEqual(pipeline, { source: "running", zmqEndpoint: "tcp://h:5", metricsUrl: "http://h:8081/metrics" });
  const path = load({ "zmq-endpoint": "tcp://h:5", "metrics-url": "http://h/behind/proxy" }).pipeline;
  assert.ok(path.source === "running");
  assert.equal(path.metricsUrl, "http://h/behind/proxy");
});

test("what does not go together is refused, with what to do", () => {
  const cases: readonly (readonly [flags: Readonly<Record<string, string>>, args: readonly string[], RegExp])[] = [
    [{ profile: "burst" }, [], /^--rate: --profile burst needs a rate in events a second/],
    [{ profile: "ramp", rate: "max" }, [], /^--rate: --profile ramp needs a rate/],
    [
      { "zmq-endpoint": "tcp://h:5", rate: "7" },
      [],
      /^--zmq-endpoint: .*; --rate would be for one that the test starts/,
    ],
    [{ "zmq-endpoint": "tcp://h:5", profile: "ramp" }, [], /--profile would be/],
    [{ "zmq-endpoint": "tcp://h:5" }, ["--encoders", "2"], /arguments of serve would be/],
    [{ "metrics-url": "http://h:1" }, [], /^--metrics-url: it goes with --zmq-endpoint only/],
    [{}, ["--engine=http://h:1"], /^behind --: --engine cannot be given to the service: use --source/],
    [{}, ["--encoders", "2", "--kv-block-size", "16"], /--kv-block-size cannot .* use --tokens/],
    [{}, ["--log-format", "text"], /reads the log/],
    [{}, ["serve"], /"serve" is not allowed; it takes options of kvcast serve/],
    [{ blocks: "65536", tokens: "65536" }, [], /^--blocks: .*at most 4194304 tokens an event/],
    [{ "zmq-endpoint": "tcp://*:5" }, [], /^--zmq-endpoint: /],
  ];
  for (const [flags, args, message] of cases) {
    assert.throws(
      () => load(flags, ...args),
      (error) => error instanceof ConfigError && message.test(error.message),
      String(message),
    );
  }
});

test("no secret of a metrics URL is repeated", () => {
  for (const url of ["http://user:s3cr3t@h:1", "ftp://user:s3cr3t@h:1", "http://user:s3cr3t@"]) {
    assert.throws(
      () => load({ "zmq-endpoint": "tcp://h:5", "metrics-url": url }),
      (error) => error instanceof ConfigError && !error.message.includes("s3cr3t"),
    );
  }
});

/** The flags of a command that this page's parser can take back. */
async function reparsed(command: string): Promise<FloodConfig> {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
  const dashes = words.indexOf("--");
  const own = dashes === -1 ? words : words.slice(0, dashes);
  const flags = new Map<string, string[]>();
  for (let i = 2; i < own.length; i += 2) flags.set((own[i] ?? "").slice(2), [own[i + 1] ?? ""]);
  return loadFloodConfig(flags, dashes === -1 ? [] : words.slice(dashes + 1), false);
}

test("the command that repeats a test says everything that it was", async () => {
  for (const config of [
    load({}),
    load({ profile: "ramp", source: "sim", "max-age": "50", "min-rate": "10" }, "--wire-format", "dynamo"),
    load({ profile: "burst", rate: "0.5", seed: "7", duration: "0.75", "warm-up": "0" }, "--zmq-topic", "a b"),
    load({ "zmq-endpoint": "ipc:///run/kv", "metrics-url": "http://h:1/metrics" }),
  ]) {
    assert.deepEqual(await reparsed(commandLine(config)), config);
  }
  assert.match(commandLine(load({}, "--zmq-topic", "it's")), / -- --zmq-topic 'it'\\''s'$/);
});

test("the command line: wrong usage is exit 2, a bad value 78, both before anything is started", async () => {
  for (const [argv, code, message] of [
    [["flood", "x"], EXIT.usage, /error: "x" is no option; options of kvcast serve go behind --\n.*kvcast help flood/],
    [["flood", "x", "--", "--encoders", "2"], EXIT.usage, /"x" is no option/],
    [["flood", "--durtion=3"], EXIT.usage, /did you mean --duration\?/],
    [["flood", "--rate"], EXIT.usage, /argument missing/],
    [["flood", "--rate", "-5"], EXIT.badConfig, /--rate: "-5" is not allowed/],
    [["flood", "--", "--engine", "synthetic:"], EXIT.badConfig, /use --source/],
  ] as const) {
    let err = "";
    const io = {
      argv,
      env: {},
      out: () => assert.fail("nothing on stdout"),
      err: (text: string) => void (err += text),
    };
    assert.equal(await runCli(io), code, argv.join(" "));
    assert.match(err, message, argv.join(" "));
  }
});

test("its help names every option", async () => {
  let out = "";
  await runCli({ argv: ["help", "flood"], env: {}, out: (text) => void (out += text), err: () => assert.fail() });
  assert.ok(out.startsWith("Examples:\n"));
  for (const { name, type } of FLOOD_OPTION_LIST) assert.ok(out.includes(`\n  --${name} ${type.placeholder}\n`), name);
});
