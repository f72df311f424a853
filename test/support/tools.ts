/**
 * Programs from outside that some tests need. `scripts/setup-test-tools.js` installs them where it may; where they are
 * missing all the same the test is skipped with the reason, or fails under KVCAST_REQUIRE_TOOLS=1.
 */
import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";

/** Full path of a program on PATH; null if there is none. */
function findTool(name: string): string | null {
  const files = (process.env["PATH"] ?? "").split(path.delimiter).map((folder) => path.join(folder, name));
  return files.find(isProgram) ?? null;
}

/** Full path of the program. If null comes back the test has been skipped and must return. */
export function requireTool(t: TestContext, name: string): string | null {
  return found(t, name, findTool(name), "node scripts/setup-test-tools.js, as root on Debian");
}

/** The same for another version of Node, which lies where scripts/other-nodes.js puts it. */
export function requireNode(t: TestContext, major: number): string | null {
  const cache = process.env["XDG_CACHE_HOME"] || path.join(homedir(), ".cache");
  const name = `node-${process.platform}-${process.arch}`;
  const file = path.join(cache, "kvcast", `node-${major}`, "node_modules", name, "bin/node");
  return found(t, `Node ${major}`, isProgram(file) ? file : null, "node scripts/setup-test-tools.js");
}

function found(t: TestContext, name: string, file: string | null, remedy: string): string | null {
  if (file !== null) return file;
  const reason = `${name} is not installed (${remedy})`;
  if (process.env["KVCAST_REQUIRE_TOOLS"] === "1") throw new Error(reason);
  t.skip(reason);
  return null;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
