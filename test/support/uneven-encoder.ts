/** An encoder that takes a random time for each slot, so that slots are finished in another order than claimed. */
import { parseEncoderTask } from "../../src/shared/messages.ts";
import { runEncoder } from "../../src/workers/encoder.ts";

export default function unevenEncoder(task: unknown): void {
  runEncoder(parseEncoderTask(task), {
    encoded: () => {
      const untilMs = performance.now() + Math.random() * 3;
      while (performance.now() < untilMs);
    },
  });
}
