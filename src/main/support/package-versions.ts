/** Which versions of our packages are really there: what a lock file says may not be. MAIN THREAD, in `kvcast support-bundle`. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { type Fields, objectOf } from "../../shared/json-object.ts";

/** By package; "absent" for one that is not there, as optional ones may be. */
export function packageVersions(): Readonly<Record<string, string>> {
  const require = createRequire(import.meta.url);
  const own = read(require.resolve("kvcast/package.json"));
  const names = Object.keys(objectOf(own?.["dependencies"]));
  return Object.fromEntries(
    names.map((name) => {
      // Not by importing it: many packages do not export their package.json.
      const folders = require.resolve.paths(name) ?? [];
      const found = folders
        .map((folder) => read(path.join(folder, name, "package.json")))
        .find((each) => each !== null);
      const version = found?.["version"];
      return [name, typeof version === "string" ? version : "absent"];
    }),
  );
}

function read(file: string): Fields | null {
  try {
    return objectOf(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return null;
  }
}
