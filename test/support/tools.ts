/**
 * Programs from outside that some tests need. `scripts/setup-test-tools.js` installs them where it may; where they are
 * missing all the same the test is skipped with the reason, or fails under KVCAST_REQUIRE_TOOLS=1.
 */
import { accessSync, constants } from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";

/** Full path of a program on PATH; null if there is none. */
function findTool(name: string): string | null {
  for (const folder of (process.env["PATH"] ?? "").split(path.delimiter)) {
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** Full path of the program. If null comes back the test has been skipped and must return. */
export function requireTool(t: TestContext, name: string): string | null {
  const file = findTool(name);
  if (file !== null) return file;
  const reason = `${name} is not installed (node scripts/setup-test-tools.js, as root on Debian)`;
  if (process.env["KVCAST_REQUIRE_TOOLS"] === "1") throw new Error(reason);
  t.skip(reason);
  return null;
}
