/** What kvcast is made of is what the page about it says: names, reasons, sizes, scripts; and npm can list it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

interface LockEntry {
  readonly version: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

const ROOT = process.cwd();
const manifest = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as Manifest;
const lockText = readFileSync(path.join(ROOT, "package-lock.json"), "utf8");
const lock = JSON.parse(lockText) as { readonly packages: Readonly<Record<string, LockEntry>> };
const page = readFileSync(path.join(ROOT, "docs/adr/0011-dependencies.md"), "utf8");
/** How far a size on the page may be from what is installed: releases of a package differ by less. */
const TOLERANCE = 0.25;
const ROUNDING_MB = 0.06;
/** In the bundle of the live page. */
const BUILT_IN = "uplot";

interface Row {
  readonly name: string;
  readonly megabytes: number;
}

/** The rows of a table, one for each package of it. */
function rowsBetween(from: string, to: string): readonly Row[] {
  const text = page.slice(page.indexOf(from), page.indexOf(to));
  assert.ok(text.length > 0);
  return Array.from(text.matchAll(/^\| (`[^|]+`) +\| ([\d., ]+?) +\| .{10}/gmu)).flatMap(
    ([, names = "", sizes = ""]) => {
      const megabytes = sizes.split(", ").map(Number);
      const all = Array.from(names.matchAll(/`([^`]+)`/gu), ([, name = ""]) => name);
      assert.equal(all.length, megabytes.length, names);
      return all.map((name, i) => ({ name, megabytes: megabytes[i] ?? Number.NaN }));
    },
  );
}

function bytesOf(file: string): number {
  if (!statSync(file).isDirectory()) return statSync(file).size;
  return readdirSync(file)
    .filter((name) => name !== "node_modules")
    .reduce((sum, name) => sum + bytesOf(path.join(file, name)), 0);
}

for (const [table, from, to, packages] of [
  ["to run", "At run time:", "One override:", manifest.dependencies],
  ["to develop", "To develop:", "Not taken:", manifest.devDependencies],
] as const) {
  test(`the table of packages ${table} has each, and no other, with the size that it has`, () => {
    const rows = rowsBetween(from, to);
    assert.deepEqual(rows.map(({ name }) => name).toSorted(), Object.keys(packages).toSorted());
    for (const { name, megabytes } of rows) {
      const real = bytesOf(path.join(ROOT, "node_modules", name)) / 1e6;
      const off = Math.abs(real - megabytes);
      assert.ok(off <= real * TOLERANCE + ROUNDING_MB, `${name}: ${real.toFixed(2)} MB, the page says ${megabytes}`);
    }
  });
}

test("kvcast has no install script, and the packages that have one are those that the page names", () => {
  for (const name of ["preinstall", "install", "postinstall", "prepare", "preprepare", "postprepare"]) {
    assert.ok(!(name in manifest.scripts), name);
  }
  const withScript = Object.entries(lock.packages).filter(
    ([, entry]) => entry.hasInstallScript === true && entry.dev !== true,
  );
  const names = withScript.map(([where]) => where.replace(/^.*node_modules\//u, ""));
  assert.deepEqual(names.toSorted(), ["bufferutil", "utf-8-validate", "zeromq"]);
  for (const name of names) assert.ok(page.includes(`\`${name}\``), name);
});

test("the lock names no host: who installs asks the registry of their own", () => {
  assert.doesNotMatch(
    lockText,
    /https?:\/\/(?!(?:[\w.-]*\.)?(?:github\.com|opencollective\.com|feross\.org|paypal\.me|patreon\.com|tidelift\.com)\b)[^"]*\.tgz/u,
  );
  assert.ok(!lockText.includes('"resolved"'));
});

test("npm lists what an installation consists of: each package of the lock, and what is built into the page", (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-sbom-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "list.json");
  execFileSync(process.execPath, ["scripts/sbom.js", file], { cwd: ROOT, stdio: ["ignore", "ignore", "pipe"] });
  const list = JSON.parse(readFileSync(file, "utf8")) as {
    readonly bomFormat: string;
    readonly metadata: { readonly component: { readonly name: string; readonly "bom-ref": string } };
    readonly components: readonly { readonly name: string; readonly version: string }[];
    readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
  };
  assert.equal(list.bomFormat, "CycloneDX");
  assert.equal(list.metadata.component.name, "kvcast");
  const own = list.dependencies.find(({ ref }) => ref === list.metadata.component["bom-ref"]);
  const direct = own?.dependsOn.map((ref) => ref.slice(0, ref.lastIndexOf("@"))) ?? [];
  assert.deepEqual(direct.toSorted(), [...Object.keys(manifest.dependencies), BUILT_IN].toSorted());
  const inLock = Object.entries(lock.packages).filter(
    ([where, { dev }]) => where !== "" && (dev !== true || where === `node_modules/${BUILT_IN}`),
  );
  // Packages of other systems are in the list where they are in the lock.
  const versions = new Set(list.components.map(({ version }) => version));
  assert.equal(list.components.length, inLock.length);
  for (const [where, { version }] of inLock) assert.ok(versions.has(version), where);
});
