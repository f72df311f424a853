/** The metrics of health, as data. MAIN THREAD. */
import { type CatalogueSection, counter, gauge } from "./metric-definition.ts";

export const HEALTH: CatalogueSection = {
  title: "Health",
  metrics: [
    gauge(
      "ready",
      ["check"],
      "0 while the check fails, or waits for something to be known, for any engine, source or thread; 1 otherwise. docs/health.md says which checks keep the service " +
        "from being ready, and `/health?verbose` for whom it fails and why.",
    ),
    counter(
      "ready_changes_total",
      ["check"],
      "Times that the check began to fail or ceased to; each is a line in the log.",
    ),
    counter(
      "health_probe_total",
      ["engine", "outcome"],
      "Canaries that were sent to the engine, by how they ended; only with `--canary`.",
    ),
  ],
};
