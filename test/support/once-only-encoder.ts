/** An encoder that dies in its first slot, and whose file cannot even be loaded when a thread is to take its place. */
import { existsSync, writeFileSync } from "node:fs";
import { parseEncoderTask } from "../../src/shared/messages.ts";
import { runEncoder } from "../../src/workers/encoder.ts";

const marker = process.env["KVCAST_TEST_MARKER_FILE"] ?? "";
if (existsSync(marker)) throw new Error("cannot be loaded any more");

export default function onceOnlyEncoder(task: unknown): void {
  runEncoder(parseEncoderTask(task), {
    claimed: () => {
      writeFileSync(marker, "");
      process.exit(1);
    },
  });
}
