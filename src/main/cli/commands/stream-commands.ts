/** The commands that read a stream, keep one, or load a pipeline with one. MAIN THREAD. */
import { quoted } from "../../config/option-spec.ts";
import type { CommandSpec } from "../command-spec.ts";
import { firstSignal } from "../first-signal.ts";
import { FLOOD_PAGE } from "../pages/flood-page.ts";
import { RECORD_PAGE, REPLAY_PAGE, TAIL_PAGE } from "../pages/stream-pages.ts";

export const STREAM_COMMANDS: readonly CommandSpec[] = [
  {
    name: "tail",
    page: TAIL_PAGE,
    switches: ["sync", "stats", "json", "tokens"],
    operands: ["[EP]"],
    async run({ flags, operands: [endpoint], has, io }) {
      const { loadTailConfig } = await import("../../config/load-tail.ts");
      const switches = { json: has("json"), stats: has("stats"), sync: has("sync"), tokens: has("tokens") };
      const config = loadTailConfig(endpoint, flags, switches);
      const signal = firstSignal();
      const { runTail } = await import("../tail.ts");
      return runTail(config, signal, io);
    },
  },
  {
    name: "record",
    page: RECORD_PAGE,
    switches: ["with-tokens", "json"],
    operands: ["<FILE>"],
    async run({ flags, operands: [file = ""], has, io }) {
      const { loadRecordConfig } = await import("../../config/load-record.ts");
      const config = await loadRecordConfig(file, flags, { withTokens: has("with-tokens"), json: has("json") });
      const signal = firstSignal();
      const { runRecord } = await import("../record.ts");
      return runRecord(config, signal, io);
    },
  },
  {
    name: "replay",
    page: REPLAY_PAGE,
    switches: ["json", "tokens"],
    operands: ["<EP|FILE>"],
    async run({ flags, operands: [source = ""], has, io }) {
      const { loadReplayConfig } = await import("../../config/load-replay.ts");
      const config = loadReplayConfig(source, flags, { json: has("json"), tokens: has("tokens") });
      const signal = firstSignal();
      const { runReplay } = await import("../replay.ts");
      return runReplay(config, signal, io);
    },
  },
  {
    name: "flood",
    page: FLOOD_PAGE,
    switches: ["json"],
    operands: ["[SERVE...]"],
    async run({ flags, operands, has, io, misused }) {
      // Only what stands behind -- is for the service; a word before it is a mistake.
      const dashes = io.argv.indexOf("--");
      const behind = dashes === -1 ? [] : io.argv.slice(dashes + 1);
      if (operands.length > behind.length) {
        misused(`${quoted(operands[0] ?? "")} is no option; options of kvcast serve go behind --`);
      }
      const { loadFloodConfig } = await import("../../config/load-flood.ts");
      const config = loadFloodConfig(flags, behind, has("json"));
      const signal = firstSignal();
      const { runFlood } = await import("../flood.ts");
      return runFlood(config, signal, io);
    },
  },
];
