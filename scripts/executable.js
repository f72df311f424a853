// Makes the command of the build executable, which the compiler does not: a linked `kvcast` would lose it with each build.
import { chmodSync } from "node:fs";

chmodSync(new URL("../dist/src/main/index.js", import.meta.url), 0o755);
