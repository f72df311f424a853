import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { oldNode } from "../../src/main/old-node.ts";
import { EXIT } from "../../src/shared/errors.ts";

test("an old Node is told so, with its version and the one that is needed", () => {
  for (const version of ["12.22.12", "18.20.8", "20.18.3"]) {
    assert.equal(
      oldNode(version),
      `kvcast: error: Node ${version} is too old; kvcast needs Node 20.19 or later, and runs on 20, 22 and 24\n`,
    );
  }
  for (const version of ["20.19.0", "20.20.2", "22.12.0", "24.0.0", process.versions.node]) {
    assert.equal(oldNode(version), null, version);
  }
});

test("the version that is needed is the one in package.json, and nothing is loaded before the look at it", () => {
  const { engines } = JSON.parse(readFileSync("package.json", "utf8")) as {
    readonly engines: { readonly node: string };
  };
  assert.equal(engines.node, ">=20.19");
  const entry = readFileSync("src/main/index.ts", "utf8");
  assert.deepEqual(
    [...entry.matchAll(/^import .*/gm)].map(([line]) => line),
    ['import { oldNode } from "./old-node.ts";'],
  );
  assert.match(entry, new RegExp(`UNAVAILABLE = ${EXIT.unavailable};`));
});
