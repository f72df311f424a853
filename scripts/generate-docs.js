// Writes the pages that are made of tables in the code: docs/configuration.md and docs/metrics.md. Run by `npm run docs`,
// which builds first.
import { writeFileSync } from "node:fs";
import { EXIT_CODES } from "../dist/src/main/cli/pages.js";
import { renderReference } from "../dist/src/main/config/reference.js";
import { renderMetricsReference } from "../dist/src/main/metrics/reference.js";

writeFileSync(new URL("../docs/configuration.md", import.meta.url), renderReference(EXIT_CODES));
writeFileSync(new URL("../docs/metrics.md", import.meta.url), renderMetricsReference());
