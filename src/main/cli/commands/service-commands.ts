/** The commands that run until they are stopped. MAIN THREAD. */
import { EXIT } from "../../../shared/errors.ts";
import type { CommandSpec } from "../command-spec.ts";
import { firstSignal } from "../first-signal.ts";
import { Hangups } from "../hangup.ts";
import { requireOpenFiles } from "../open-files.ts";
import { CONSOLIDATE_PAGE, INDEX_PAGE, SERVE_PAGE, SIM_PAGE } from "../pages/service-pages.ts";

export const SERVICE_COMMANDS: readonly CommandSpec[] = [
  {
    name: "serve",
    page: SERVE_PAGE,
    async run({ flags, io }) {
      requireOpenFiles();
      const hangups = new Hangups();
      try {
        const { loadServeConfig } = await import("../../config/load.ts");
        const loaded = await loadServeConfig(flags, io.env);
        const signal = firstSignal();
        const { runServe } = await import("../serve.ts");
        return await runServe(loaded, signal, hangups);
      } finally {
        hangups.close();
      }
    },
  },
  {
    name: "consolidate",
    page: CONSOLIDATE_PAGE,
    async run({ flags, io }) {
      requireOpenFiles();
      const { loadConsolidateConfig } = await import("../../config/load-consolidate.ts");
      const loaded = await loadConsolidateConfig(flags, io.env);
      if (loaded === null) {
        io.err(
          "kvcast: DYN_KVBM_KV_EVENTS_ENABLE_CONSOLIDATOR switches the consolidator off; there is nothing to do\n",
        );
        return EXIT.ok;
      }
      const signal = firstSignal();
      const { runConsolidate } = await import("../consolidate.ts");
      return runConsolidate(loaded, signal);
    },
  },
  {
    name: "index",
    page: INDEX_PAGE,
    async run({ flags, io }) {
      requireOpenFiles();
      const { loadIndexConfig } = await import("../../config/load-index.ts");
      const config = await loadIndexConfig(flags, io.env);
      const signal = firstSignal();
      const { runIndex } = await import("../index-command.ts");
      return runIndex(config, signal);
    },
  },
  {
    name: "sim",
    page: SIM_PAGE,
    switches: ["json"],
    async run({ flags, has, io }) {
      const { loadSimConfig } = await import("../../config/load-sim.ts");
      const config = loadSimConfig(flags, io.env);
      const signal = firstSignal();
      const { runSimCommand } = await import("../sim.ts");
      return runSimCommand({ ...config, json: has("json") }, signal, (text) => io.out(text));
    },
  },
];
