// Completes package-lock.json with the optional packages of other platforms.
//
// npm leaves those out of the lock that the registry at hand does not carry, as partial mirrors do; `npm ci` then
// refuses the lock anywhere. Their entries follow from the packages that ask for them: version from there, platform from the name.
// Run it after every `npm install` that changed the lock. With --check it only says whether something is missing.
import { readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("../package-lock.json", import.meta.url);
const OS = new Set([
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
]);
const CPU = new Set(["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"]);

/** The lock entry of a platform package that was left out. */
function entryOf(name, range, dev) {
  const words = name.split(/[-/]/);
  const os = words.find((word) => OS.has(word));
  const cpu = words.find((word) => CPU.has(word));
  return {
    version: range.replace(/^[~^]/, ""),
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(dev ? { dev: true } : {}),
    ...(os === "linux" ? { libc: [name.includes("musl") ? "musl" : "glibc"] } : {}),
    optional: true,
    ...(os === undefined ? {} : { os: [os] }),
  };
}

const lock = JSON.parse(readFileSync(FILE, "utf8"));
const { "": root, ...packages } = lock.packages;
const missing = [];
for (const [where, { optionalDependencies = {}, dev = false }] of Object.entries(packages)) {
  for (const [name, range] of Object.entries(optionalDependencies)) {
    const top = `node_modules/${name}`;
    if (`${where}/${top}` in packages || top in packages) continue;
    packages[top] = entryOf(name, range, dev);
    missing.push(name);
  }
}
if (missing.length === 0) {
  process.stderr.write("package-lock.json is complete\n");
} else if (process.argv.includes("--check")) {
  process.stderr.write(`package-lock.json lacks ${missing.length} packages; run: node scripts/complete-lock.js\n`);
  process.exitCode = 1;
} else {
  const sorted = Object.entries(packages).toSorted(([a], [b]) => (a < b ? -1 : 1));
  lock.packages = { "": root, ...Object.fromEntries(sorted) };
  writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
  process.stderr.write(`package-lock.json: ${missing.length} packages added\n`);
}
