/** The page about configuration says what the program does, and the example in it works. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { EXIT_CODES } from "../../src/main/cli/pages/exit-codes.ts";
import { readConfigFile } from "../../src/main/config/config-file.ts";
import { flagPlace } from "../../src/main/config/option-spec.ts";
import { FLOOD_OPTION_LIST } from "../../src/main/config/flood-options.ts";
import { SERVE_OPTION_LIST } from "../../src/main/config/options.ts";
import { renderReference } from "../../src/main/config/reference.ts";
import { SIM_OPTION_LIST } from "../../src/main/config/sim-options.ts";
import { TAIL_OPTION_LIST } from "../../src/main/config/tail-options.ts";

const page = readFileSync(path.join(process.cwd(), "docs/configuration.md"), "utf8");

test("docs/configuration.md is what scripts/generate-docs.js writes", () => {
  assert.equal(page, renderReference(EXIT_CODES));
});

test("every option and every variable is on it", () => {
  for (const option of [...SERVE_OPTION_LIST, ...SIM_OPTION_LIST, ...TAIL_OPTION_LIST, ...FLOOD_OPTION_LIST]) {
    assert.ok(page.includes(`\`--${option.name} `), option.name);
    for (const { name } of option.env) assert.ok(page.includes(`\`${name}\``), name);
  }
});

test("every default is a value that its own option takes", () => {
  for (const option of [...SERVE_OPTION_LIST, ...SIM_OPTION_LIST, ...TAIL_OPTION_LIST, ...FLOOD_OPTION_LIST]) {
    if (option.default !== undefined) option.type.parse(option.default, flagPlace(option.name));
  }
});

test("the example file is one that is accepted", () => {
  const example = /```yaml\n([^`]+)```/.exec(page)?.[1] ?? "";
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-docs-"));
  try {
    const file = path.join(folder, "kvcast.yaml");
    writeFileSync(file, example);
    const entries = readConfigFile(file, flagPlace("config"), SERVE_OPTION_LIST);
    assert.ok(entries.size > 3);
    for (const option of SERVE_OPTION_LIST) {
      for (const { text, place } of entries.get(option.name) ?? []) option.type.parse(text, place);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
