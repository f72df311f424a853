/** The Dockerfile: what it copies exists and is all that the build reads, and what runs in the end is nobody with nothing. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

const ROOT = process.cwd();
const text = readFileSync(path.join(ROOT, "deploy/docker/Dockerfile"), "utf8");
const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
const last = lines.findLastIndex((line) => line.startsWith("FROM "));
const building = lines.slice(0, last);
const running = lines.slice(last);

interface TsConfig {
  readonly include: readonly string[];
}

interface PackageFile {
  readonly scripts: Readonly<Record<string, string>>;
}

function copiedFromTree(stage: readonly string[]): readonly string[] {
  return stage.flatMap((line) => {
    if (!line.startsWith("COPY ") || line.includes("--from=")) return [];
    return line.split(" ").slice(1, -1);
  });
}

test("what is copied is there, and the build has everything that it reads", () => {
  const copied = copiedFromTree(building);
  for (const name of [...copied, ...copiedFromTree(running)]) assert.ok(existsSync(path.join(ROOT, name)), name);
  const { include } = JSON.parse(readFileSync(path.join(ROOT, "tsconfig.json"), "utf8")) as TsConfig;
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as PackageFile;
  const inBuild = Array.from((scripts["build"] ?? "").matchAll(/(scripts)\/[\w-]+\.js/gu), ([, folder = ""]) => folder);
  const needed = ["package.json", "package-lock.json", "tsconfig.json", ...include, ...inBuild];
  for (const name of needed) assert.ok(copied.includes(name), `the build stage lacks ${name}`);
});

test("the stage that is shipped builds nothing, has no shell form, and runs as nobody", () => {
  assert.equal(lines.filter((line) => line.startsWith("FROM ")).length, 2);
  for (const line of running.filter((each) => /^(?:CMD|ENTRYPOINT|HEALTHCHECK)\b/u.test(each))) {
    assert.match(line, /\[".+"\]$/u, "exec form");
  }
  assert.ok(running.includes("USER 65532:65532"));
  assert.ok(running.some((line) => line.startsWith("HEALTHCHECK ")));
  assert.ok(!running.some((line) => /\bnpm\b/u.test(line)));
  // Nothing that is copied in the end is the build's own tools or tests.
  assert.ok(!running.some((line) => /dist\/(?:test|bench|examples)/u.test(line)));
  for (const line of lines.filter((each) => each.startsWith("FROM "))) {
    assert.match(line, /^FROM [a-z]+:(?!latest)[\w.-]+(?: AS build)?$/u);
  }
});

test("no secret is in it, or would get into the build from the folder", () => {
  assert.doesNotMatch(text, /^(?:ARG|ENV) .*(?:TOKEN|PASSWORD|SECRET|KEY)/imu);
  assert.ok(!/^ADD /mu.test(text), "COPY takes files alone, and unpacks and fetches nothing");
  assert.ok(!copiedFromTree(lines).includes("."), "folders by name, not all that lies there");
});
