/**
 * How fast the payload of another publisher becomes events, as maps and as arrays, beside `@msgpack/msgpack` on the same bytes.
 *
 * The rival stops at plain objects: it does not check them, and whoever wants numbers out of them still has to read them.
 */
import { Decoder, encode } from "@msgpack/msgpack";
import { WireBatchReader } from "../../src/main/wire/wire-batch.ts";
import { WireEvent } from "../../src/main/wire/wire-event.ts";
import { atLeast, multipleOf } from "../goal.ts";
import { type StoredObject, storedEvents, storedObject } from "../support/made-up-events.ts";
import type { MicroCase } from "./micro-case.ts";

const EVENTS_A_BATCH = 64;
const WALL_SECONDS = 1_700_000_000.25;

const FORMS = ["map", "array"] as const;
type Form = (typeof FORMS)[number];

function payloadOf(form: Form, blocks: number): Uint8Array {
  const events = storedEvents(blocks, EVENTS_A_BATCH).map(storedObject);
  const written = form === "map" ? events : events.map((event) => placed(event));
  return encode([WALL_SECONDS, written, 0], { useBigInt64: true });
}

function placed(event: StoredObject): readonly unknown[] {
  return Object.values(event);
}

function readerCase(form: Form, blocks: number): MicroCase {
  const rival = `wire-decode/msgpack-${form}-${blocks}x32`;
  return {
    name: `wire-decode/${form}-${blocks}x32`,
    unit: "blocks",
    rival,
    goals: [atLeast(1e9 / 300, "< 0.3 µs a block"), atLeast(5, "≥ 5 × @msgpack/msgpack", multipleOf([rival]))],
    prepare() {
      const payload = payloadOf(form, blocks);
      const reader = new WireBatchReader();
      const event = new WireEvent();
      const work = (): number => {
        const refusal = reader.open(payload);
        if (refusal !== null) throw new Error(refusal.message);
        let tokens = 0;
        while (reader.next(event)) tokens += event.tokenCount;
        return tokens;
      };
      return { perCall: EVENTS_A_BATCH * blocks, bytesPerCall: payload.length, work };
    },
  };
}

function msgpackCase(form: Form, blocks: number): MicroCase {
  return {
    name: `wire-decode/msgpack-${form}-${blocks}x32`,
    unit: "blocks",
    prepare() {
      const payload = payloadOf(form, blocks);
      const decoder = new Decoder({ useBigInt64: true });
      return {
        perCall: EVENTS_A_BATCH * blocks,
        bytesPerCall: payload.length,
        work: () => decoder.decode(payload),
      };
    },
  };
}

export const WIRE_DECODE_CASES: readonly MicroCase[] = FORMS.flatMap((form) =>
  [1, 8].flatMap((blocks) => [readerCase(form, blocks), msgpackCase(form, blocks)]),
);
