/** The commands that print what Prometheus and Grafana need. MAIN THREAD. */
import { quoted } from "../../config/option-spec.ts";
import type { CommandCall, CommandSpec } from "../command-spec.ts";
import { DASHBOARDS_PAGE, RULES_PAGE, SCRAPE_PAGE } from "../pages/observe-pages.ts";
import { SERVE_PAGE } from "../pages/service-pages.ts";

export const OBSERVE_COMMANDS: readonly CommandSpec[] = [
  {
    name: "scrape-config",
    page: SCRAPE_PAGE,
    // A line that starts a service is taken as it is, with the options that do not matter here too.
    options: [...new Set([...SCRAPE_PAGE.options, ...SERVE_PAGE.options])],
    async run({ flags, io }) {
      const { loadScrapeConfig } = await import("../../config/load-observe.ts");
      const config = await loadScrapeConfig(flags, io.env);
      const { runScrapeConfig } = await import("../observe.ts");
      return runScrapeConfig(config, io);
    },
  },
  {
    name: "rules",
    page: RULES_PAGE,
    operands: ["<export>"],
    async run(call) {
      requireExport("rules", call);
      const { loadRulesConfig } = await import("../../config/load-observe.ts");
      const config = loadRulesConfig(call.flags);
      const { runRulesExport } = await import("../observe.ts");
      return runRulesExport(config, call.io);
    },
  },
  {
    name: "dashboards",
    page: DASHBOARDS_PAGE,
    operands: ["<export>"],
    async run(call) {
      requireExport("dashboards", call);
      const { loadDashboardsConfig } = await import("../../config/load-observe.ts");
      const config = loadDashboardsConfig(call.flags);
      const { runDashboardsExport } = await import("../observe.ts");
      return runDashboardsExport(config, call.io);
    },
  },
];

/** The one verb that there is. */
function requireExport(name: string, { operands: [verb], misused }: CommandCall): void {
  if (verb !== "export") misused(`${quoted(verb ?? "")} is nothing that ${name} can do; it can export`);
}
