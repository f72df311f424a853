/** The commands that ask running services, or command them. MAIN THREAD. */
import { CLUSTER_COMMANDS } from "../../control/commands.ts";
import { BUNDLE_OPTION_LIST } from "../../config/bundle-options.ts";
import { DOCTOR_OPTION_LIST } from "../../config/doctor-options.ts";
import { quoted } from "../../config/option-spec.ts";
import type { CommandSpec } from "../command-spec.ts";
import { firstSignal } from "../first-signal.ts";
import { CONFIG_OPTION_LIST, CONFIG_WORDS } from "../../config/config-options.ts";
import { CLUSTER_PAGE } from "../pages/cluster-page.ts";
import { KEYGEN_PAGE } from "../pages/keygen-page.ts";
import { BUNDLE_PAGE, CONFIG_PAGE } from "../pages/config-pages.ts";
import { CHECK_PAGE, DOCTOR_PAGE, PERF_PAGE, TOP_PAGE } from "../pages/question-pages.ts";
import { SERVE_PAGE } from "../pages/service-pages.ts";

export const QUESTION_COMMANDS: readonly CommandSpec[] = [
  {
    name: "top",
    page: TOP_PAGE,
    switches: ["once", "json"],
    operands: ["[URL]"],
    async run({ flags, operands: [url], has, io }) {
      const { loadTopConfig } = await import("../../config/load-top.ts");
      const config = loadTopConfig(url, flags, { once: has("once"), json: has("json") });
      const signal = firstSignal();
      const { runTop } = await import("../top.ts");
      return runTop(config, signal, io);
    },
  },
  {
    name: "perf",
    page: PERF_PAGE,
    switches: ["json"],
    operands: ["[URL]"],
    async run({ flags, operands: [url], has, io }) {
      const { loadPerfConfig } = await import("../../config/load-perf.ts");
      const { PERF_PATH } = await import("../../http/perf-route.ts");
      const config = loadPerfConfig(url, flags, has("json"), PERF_PATH);
      const { runPerf } = await import("../perf.ts");
      return runPerf(config, io);
    },
  },
  {
    name: "check",
    page: CHECK_PAGE,
    operands: ["[URL]"],
    async run({ flags, operands: [url], io }) {
      const { loadCheckConfig } = await import("../../config/load-check.ts");
      const config = loadCheckConfig(url, flags);
      const { runCheck } = await import("../check.ts");
      return runCheck(config, io);
    },
  },
  {
    name: "doctor",
    page: DOCTOR_PAGE,
    options: DOCTOR_OPTION_LIST,
    switches: ["drain", "json", "strict"],
    async run({ flags, has, io }) {
      const { loadDoctorConfig } = await import("../../config/load-doctor.ts");
      const switches = { json: has("json"), strict: has("strict"), drain: has("drain") };
      const config = await loadDoctorConfig(flags, io.env, switches);
      const { runDoctor } = await import("../doctor.ts");
      return runDoctor(config, io);
    },
  },
  {
    name: "keygen",
    page: KEYGEN_PAGE,
    switches: ["public", "json"],
    operands: ["<FILE>"],
    async run({ operands: [file = ""], has, io }) {
      const { runKeygen } = await import("../keygen.ts");
      return runKeygen({ file, isPublicWanted: has("public"), json: has("json") }, io);
    },
  },
  {
    name: "config",
    page: CONFIG_PAGE,
    options: CONFIG_OPTION_LIST,
    switches: ["json"],
    operands: ["<COMMAND>"],
    choices: CONFIG_WORDS,
    async run({ flags, operands: [given], has, io, misused }) {
      const word =
        CONFIG_WORDS.find((known) => known === given) ?? misused(`there is no command ${quoted(given ?? "")}`);
      const { loadConfigCall } = await import("../../config/load-config-call.ts");
      const { command, rest } = loadConfigCall(flags);
      const { runConfig } = await import("../config.ts");
      return runConfig({ word, command, flags: rest, json: has("json") }, io);
    },
  },
  {
    name: "support-bundle",
    page: BUNDLE_PAGE,
    options: [...BUNDLE_OPTION_LIST, ...SERVE_PAGE.options],
    switches: ["json"],
    operands: ["[URL]"],
    async run({ flags, operands: [url], has, io }) {
      const { loadBundleConfig } = await import("../../config/load-bundle.ts");
      const config = loadBundleConfig(url, flags, has("json"));
      const { runSupportBundle } = await import("../support-bundle.ts");
      return runSupportBundle(config, io);
    },
  },
  {
    name: "cluster",
    page: CLUSTER_PAGE,
    switches: ["json"],
    operands: ["<COMMAND>", "[LEVEL]"],
    choices: CLUSTER_COMMANDS,
    async run({ flags, operands: [word, level], has, io, misused }) {
      const name =
        CLUSTER_COMMANDS.find((known) => known === word) ?? misused(`there is no command ${quoted(word ?? "")}`);
      if (name === "log-level" && level === undefined) misused("log-level: the level is missing behind it");
      if (name !== "log-level" && level !== undefined) misused(`${name} takes nothing behind it, as ${quoted(level)}`);
      const { loadClusterCommand } = await import("../../config/load-cluster.ts");
      const config = loadClusterCommand(name, level ?? null, flags, io.env, has("json"));
      const signal = firstSignal();
      const { runCluster } = await import("../cluster.ts");
      return runCluster(config, signal, io);
    },
  },
];
