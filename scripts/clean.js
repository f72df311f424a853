// Empties the build folder, so that a file that was renamed or removed cannot live on in it.
import { rmSync } from "node:fs";

rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true });
