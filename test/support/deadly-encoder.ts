/**
 * An encoder that some events are deadly for: KVCAST_TEST_DEADLY says how it ends and which, as in `exit:3,5`, by the first
 * hash of the event.
 */
import { parseEncoderTask } from "../../src/shared/messages.ts";
import { RECORD_WORD } from "../../src/shared/record.ts";
import { runEncoder } from "../../src/workers/encoder.ts";
import type { Output } from "../../src/workers/msgpack-writer.ts";
import { runOutOfMemory } from "./out-of-memory.ts";

const [how = "", list = ""] = (process.env["KVCAST_TEST_DEADLY"] ?? "").split(":");
const deadly: ReadonlySet<number | undefined> = new Set(list.split(",").map(Number));

function end(out: Output, p: number): never {
  if (how === "throw") throw new Error("cannot be encoded");
  if (how === "exit") process.exit(3);
  if (how === "oom") runOutOfMemory();
  // What it writes must never appear in the work of its successor.
  for (;;) out.bytes.fill(0xee, p, p + 50);
}

export default function deadlyEncoder(task: unknown): void {
  runEncoder(parseEncoderTask(task), {
    writer: (write) => (records, r, out, p) => {
      if (deadly.has(records[r + RECORD_WORD.header])) end(out, p);
      return write(records, r, out, p);
    },
  });
}
