// Writes the pages that are made of tables in the code, docs/configuration.md and docs/metrics.md, what is under
// deploy/, and the golden messages of docs/vectors.
// Run by `npm run docs`, which builds first.
import { mkdirSync, writeFileSync } from "node:fs";
import { generatedFiles } from "../dist/observe/generated.js";
import { EXIT_CODES } from "../dist/src/main/cli/pages/exit-codes.js";
import { renderReference } from "../dist/src/main/config/reference.js";
import { renderMetricsReference } from "../dist/src/main/metrics/reference.js";
import { wireVectorFiles } from "../dist/test/support/wire-vectors.js";

writeFileSync(new URL("../docs/configuration.md", import.meta.url), renderReference(EXIT_CODES));
writeFileSync(new URL("../docs/metrics.md", import.meta.url), renderMetricsReference());
for (const { path, text } of [...generatedFiles(), ...wireVectorFiles()]) {
  const file = new URL(`../${path}`, import.meta.url);
  mkdirSync(new URL(".", file), { recursive: true });
  writeFileSync(file, text);
}
