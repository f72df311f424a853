/** Configuration files: YAML and JSON, native values, and errors that say where. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { readConfigFile } from "../../src/main/config/config-file.ts";
import { flagPlace } from "../../src/main/config/option-spec.ts";
import type { OptionSpec } from "../../src/main/config/option-spec.ts";
import { SERVE_OPTION_LIST, SERVE_OPTIONS } from "../../src/main/config/options.ts";
import { ConfigError } from "../../src/shared/errors.ts";

const folder = mkdtempSync(path.join(tmpdir(), "kvcast-file-"));
const target = path.join(folder, "kvcast.yaml");
after(() => rmSync(folder, { recursive: true }));

function texts(content: string | Buffer): Record<string, string> {
  writeFileSync(target, content);
  const entries = readConfigFile(target, flagPlace("config"), SERVE_OPTION_LIST);
  return Object.fromEntries([...entries].map(([name, values]) => [name, values.map(({ text }) => text).join(" ")]));
}

function refusal(content: string | Buffer): ConfigError {
  try {
    texts(content);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  return assert.fail(`${String(content)} was accepted`);
}

test("YAML and JSON, native values or quoted ones", () => {
  assert.deepEqual(texts('kv-block-size: 32\nencoders: "2"\nengine-timeout: 1.50 # seconds\nwire-format: vllm\n'), {
    "kv-block-size": "32",
    encoders: "2",
    "engine-timeout": "1.50",
    "wire-format": "vllm",
  });
  assert.deepEqual(texts('{\n\t"kv-block-size": 32,\n\t"zmq-topic": "a\\u0062"\n}\n'), {
    "kv-block-size": "32",
    "zmq-topic": "ab",
  });
});

test("a value is taken as it is written", () => {
  assert.deepEqual(texts("zmq-topic: 007\nencoders: 0x2\nlog-level: yes\nring-slots: 9007199254740993\n"), {
    "zmq-topic": "007",
    encoders: "0x2",
    "log-level": "yes",
    "ring-slots": "9007199254740993",
  });
});

test("nothing is not a value, the empty text is one", () => {
  assert.deepEqual(texts("kv-block-size:\nencoders: ~\nring-slots: null\n"), {});
  assert.deepEqual(texts('{"kv-block-size": null}'), {});
  assert.deepEqual(texts('zmq-topic: ""\n'), { "zmq-topic": "" });
  for (const empty of ["", "\n", "# only a comment\n", "---\n", "{}", "null"]) assert.deepEqual(texts(empty), {});
});

function topicsAt(line: number): string {
  return `topics in ${target} line ${line} (--topics)`;
}

test("a list is for an option that may be given more than once, a line for each of its values", () => {
  const several: OptionSpec<unknown> = { ...SERVE_OPTIONS.zmqTopic, name: "topics", repeatable: true };
  const listed = (content: string): [string, string][] => {
    writeFileSync(target, content);
    const values = readConfigFile(target, flagPlace("config"), [several]).get("topics") ?? [];
    return values.map(({ text, place }) => [text, place.label]);
  };
  assert.deepEqual(listed("topics:\n  - a b\n  - 7\n  -\n  - 'c:'\n"), [
    ["a b", topicsAt(2)],
    ["7", topicsAt(3)],
    ["c:", topicsAt(5)],
  ]);
  assert.deepEqual(listed('{"topics": ["a",\n"b"]}'), [
    ["a", topicsAt(1)],
    ["b", topicsAt(2)],
  ]);
  assert.deepEqual(listed("topics: a\n"), [["a", topicsAt(1)]]);
  assert.deepEqual(listed("topics: []\n"), []);
  assert.throws(() => listed("topics:\n- a\n- c:\n"), {
    option: "topics",
    message: `${topicsAt(3)}: a map is not allowed (a value with a colon at its end needs quotes)`,
  });
  for (const inner of ["[a]", "*x", "{a: 1}"]) {
    assert.throws(() => listed(`topics: [&x b, ${inner}]\n`), { message: /(list, map or alias|a map) is not allowed/ });
  }
});

test("an unknown key is named, with its line and what was meant", () => {
  const error = refusal("encoders: 1\nkv-blok-size: 3\n");
  assert.equal(error.option, "kv-blok-size");
  assert.equal(error.message, `${target} line 2: no option "kv-blok-size" (did you mean kv-block-size?)`);
  assert.match(refusal("kv_block_size: 3\n").message, /did you mean kv-block-size\?/);
  assert.match(refusal("--kv-block-size: 3\n").message, /did you mean kv-block-size\?/);
  assert.match(refusal("colour: red\n").message, /no option "colour"$/);
  for (const key of ["__proto__", "constructor", "? [a]", "<<"])
    assert.match(refusal(`${key}: 1\n`).message, /no option/);
});

test("a bad value is named with its key and line", () => {
  const { message } = refusal("encoders: 1\nzmq-topic: [a]\n");
  assert.equal(message, `zmq-topic in ${target} line 2 (--zmq-topic): a list, map or alias is not allowed`);
  for (const content of ["zmq-topic: {a: 1}\n", "encoders: &x 1\nring-slots: *x\n"]) {
    assert.match(refusal(content).message, /a list, map or alias is not allowed/);
  }
});

test("what is no map of options is refused", () => {
  for (const content of ["just text", "- a\n- b\n", "[1]", "7"]) {
    assert.match(refusal(content).message, /not a map of option names to values$/, content);
  }
  assert.match(
    refusal("encoders: 1\nencoders: 2\n").message,
    /line 2: not valid YAML or JSON: Map keys must be unique/,
  );
  assert.match(
    refusal("engine: synthetic:\n").message,
    /line 1: not valid .*a value with a colon at its end needs quotes/,
  );
  assert.match(refusal('{"encoders": 1').message, /not valid YAML or JSON/);
  assert.match(refusal("encoders: 1\n---\nencoders: 2\n").message, /not valid YAML or JSON/);
  assert.match(refusal(Buffer.alloc(1024 * 1024 + 1, "#")).message, /larger than 1048576 bytes/);
});

function read(file: string): unknown {
  return readConfigFile(file, flagPlace("config"), SERVE_OPTION_LIST);
}

test("a file that cannot be read is blamed on who named it", () => {
  assert.throws(() => read(path.join(folder, "absent")), {
    option: "--config",
    message: /^--config: cannot read.*ENOENT/,
  });
  assert.throws(() => read(folder), { option: "--config", message: /EISDIR/ });
});
