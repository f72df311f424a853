// Writes what an installed kvcast consists of, as a CycloneDX list: dist/kvcast.cdx.json, or the file that is named.
//
// npm sbom does the work, from package-lock.json alone. It refuses our own tree as it is: a package that comes bundled may not be
// replaced by an override in npm's eyes, and hyper-express comes bundled for just that (docs/adr/0003). So it is shown the same
// lock without the word "bundled", where the package of the override counts as what hyper-express asks for. What the build puts
// into the live page is shipped as well, though npm knows it as a package for development only.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** Development packages that the bundle of the live page has inside. */
const BUILT_IN = ["uplot"];
const NPM = process.platform === "win32" ? "npm.cmd" : "npm";

function readJson(name) {
  return JSON.parse(readFileSync(path.join(ROOT, name), "utf8"));
}

/** Manifest and lock of what is installed, without what is for development only. */
function shipped() {
  const { bundleDependencies: _, scripts: __, devDependencies, ...manifest } = readJson("package.json");
  const lock = readJson("package-lock.json");
  for (const name of BUILT_IN) {
    manifest.dependencies[name] = devDependencies[name];
    delete lock.packages[`node_modules/${name}`].dev;
  }
  for (const [where, entry] of Object.entries(lock.packages)) {
    delete entry.inBundle;
    // npm's own --omit=dev leaves out what a package for development needs as well, yaml for one.
    if (entry.dev === true) delete lock.packages[where];
  }
  lock.packages[""] = { name: manifest.name, version: manifest.version, dependencies: manifest.dependencies };
  return { manifest, lock };
}

/** The text of the list. */
function listOf() {
  const { manifest, lock } = shipped();
  const parent = mkdtempSync(path.join(tmpdir(), "kvcast-sbom-"));
  // npm calls the whole after its folder.
  const folder = path.join(parent, "kvcast");
  try {
    mkdirSync(folder);
    writeFileSync(path.join(folder, "package.json"), JSON.stringify(manifest));
    writeFileSync(path.join(folder, "package-lock.json"), JSON.stringify(lock));
    const args = ["sbom", "--package-lock-only", "--sbom-format=cyclonedx", "--sbom-type=application"];
    return execFileSync(NPM, args, { cwd: folder, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
}

const file = path.resolve(process.argv[2] ?? path.join(ROOT, "dist/kvcast.cdx.json"));
const text = listOf();
mkdirSync(path.dirname(file), { recursive: true });
writeFileSync(file, text);
process.stdout.write(`${file}: ${JSON.parse(text).components.length} packages\n`);
