/** An encoder that takes its third slot and does not come back; its successor does the same. */
import { parseEncoderTask } from "../../src/shared/messages.ts";
import { runEncoder } from "../../src/workers/encoder.ts";

const FOREVER = new Int32Array(new SharedArrayBuffer(4));

export default function stuckEncoder(task: unknown): void {
  let claims = 0;
  runEncoder(parseEncoderTask(task), {
    claimed: () => {
      if (++claims === 3) Atomics.wait(FOREVER, 0, 0);
    },
  });
}
