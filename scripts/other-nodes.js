// Other versions of Node than the one at hand, for tests: each is the npm package that holds the program for this platform, kept
// outside of the project so that `npm ci` leaves it alone. It is looked for by test/support/tools.ts too.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";

/** The versions after the oldest one that kvcast runs on. */
export const NODE_MAJORS = [22, 24];

const INSTALL_TIMEOUT_MS = 5 * 60_000;

function folderOf(major) {
  const cache = process.env.XDG_CACHE_HOME || path.join(homedir(), ".cache");
  return path.join(cache, "kvcast", `node-${major}`);
}

function packageName() {
  return `node-${process.platform}-${process.arch}`;
}

/** The program if it is there and runs, and its version; else the reason why not. */
export function findNode(major) {
  const program = path.join(folderOf(major), "node_modules", packageName(), "bin/node");
  const { error, stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  if (stdout?.startsWith(`v${major}.`)) return { program, version: stdout.trim() };
  return { reason: error?.code === "ENOENT" ? "not installed" : `${program} does not run` };
}

/** What npm says went wrong, in its first two lines; behind them it only gives advice. */
function npmReason({ error, stderr, status }) {
  const lines = (stderr ?? "").split("\n").filter((line) => line.startsWith("npm error "));
  const words = lines.slice(0, 2).map((line) => line.slice("npm error ".length));
  return error?.message ?? `npm install ended with ${status}: ${words.join(", ")}`;
}

/** As `findNode`, after it has been installed if need be. `isNewest`: the newest of its line, also where an older one is there. */
export function installNode(major, isNewest = false) {
  const found = findNode(major);
  if (found.program !== undefined && !isNewest) return found;
  const folder = folderOf(major);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "package.json"), '{ "private": true }\n');
  } catch (error) {
    return { reason: error.message };
  }
  const name = `${packageName()}@${major}`;
  const install = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", name], {
    cwd: folder,
    encoding: "utf8",
    timeout: INSTALL_TIMEOUT_MS,
  });
  return install.status === 0 ? findNode(major) : { reason: npmReason(install) };
}
