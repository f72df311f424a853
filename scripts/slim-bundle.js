// Keeps out of the npm package what is bundled with hyper-express and never used: 100 MB of native modules for other systems, and
// types. `npm pack` runs it before (aside) and after (back); a pack that fails in between is mended by `npm ci`.
//
//   node scripts/slim-bundle.js aside|back
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MODULES = path.join(ROOT, "node_modules");
// On the same file system, so that a move is a rename.
const ASIDE = path.join(MODULES, ".kvcast-aside");

/** The native modules that are shipped: Linux with glibc, Node 20. Everything else serves with node:http. */
const SHIPPED = new Set(["uws_linux_x64_115.node", "uws_linux_arm64_115.node"]);
/** Only types that hyper-express's own types mention. */
const UNUSED = ["rxjs", "tslib"];

function binaries(folder) {
  const inside = path.join(MODULES, folder);
  if (!existsSync(inside)) return [];
  const files = readdirSync(inside).filter((file) => file.endsWith(".node"));
  return files.map((file) => path.join(folder, file));
}

function unwanted() {
  const natives = binaries("uWebSockets.js/binaries").filter((file) => !SHIPPED.has(path.basename(file)));
  // The builder's own leftovers, which nothing loads.
  return [
    ...natives,
    ...binaries("uWebSockets.js/dist"),
    ...UNUSED.filter((name) => existsSync(path.join(MODULES, name))),
  ];
}

function move(from, to, files) {
  for (const file of files) {
    mkdirSync(path.dirname(path.join(to, file)), { recursive: true });
    renameSync(path.join(from, file), path.join(to, file));
  }
}

function everything(folder, inside = "") {
  return readdirSync(path.join(folder, inside), { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(inside, entry.name);
    return entry.isDirectory() && !UNUSED.includes(name) ? everything(folder, name) : [name];
  });
}

const [, , order] = process.argv;
if (order === "aside") {
  move(MODULES, ASIDE, unwanted());
} else if (order === "back") {
  if (existsSync(ASIDE)) move(ASIDE, MODULES, everything(ASIDE));
  rmSync(ASIDE, { recursive: true, force: true });
} else {
  process.stderr.write("usage: node scripts/slim-bundle.js aside|back\n");
  process.exitCode = 2;
}
