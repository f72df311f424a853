/** The sink's queue against a plain list, over every mixture of offers, hand-overs, fates and lost connections. */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { NatsQueue } from "../../src/workers/nats-queue.ts";
import { PagedBytes, PageMemory } from "../../src/workers/page-memory.ts";

interface Model {
  readonly number: number;
  bytes: number;
  isInFlight: boolean;
}

const STEP = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("push" as const), n: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("handOver" as const), n: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("settle" as const), n: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("land" as const), n: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("grow" as const), n: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("rewind" as const), n: fc.constant(0) }) },
);

function check(queue: NatsQueue, model: readonly Model[], cursor: number): void {
  const inFlight = model.filter((item) => item.isInFlight);
  const sum = (items: readonly Model[]): number => items.reduce((bytes, item) => bytes + item.bytes, 0);
  assert.equal(queue.isEmpty, model.length === 0);
  assert.equal(queue.bytes, sum(model));
  assert.equal(queue.flightCount, inFlight.length);
  assert.equal(queue.flightBytes, sum(inFlight));
  if (model[0] !== undefined) assert.equal(queue.first, model[0].number);
  assert.equal(queue.peek()?.number, model.find((item) => item.number >= cursor)?.number);
}

const pages = new PageMemory();

test("order, bytes and what is in flight are those of a list", () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 200 }), (steps) => {
      const queue = new NatsQueue();
      let model: Model[] = [];
      let pushed = 0;
      // The first number that has not been handed over since the last rewind.
      let cursor = 0;
      for (const step of steps) {
        const item = model[step.n % Math.max(1, model.length)];
        if (step.do === "push") {
          for (let i = 0; i < step.n; i++) {
            const payload = new PagedBytes(pages, new Uint8Array(i));
            const message = {
              subject: "s",
              payload,
              sequence: 0,
              messageId: null,
              stored: 1,
              removed: 0,
              cleared: 0,
              acceptedMicros: null,
            };
            queue.push(message, 0);
            model.push({ number: pushed++, bytes: NatsQueue.cost(message), isInFlight: false });
          }
        } else if (step.do === "handOver") {
          for (let i = 0; i < step.n; i++) {
            const next = queue.peek();
            const expected = model.find(({ number }) => number >= cursor);
            assert.equal(next?.number, expected?.number);
            if (next === null || expected === undefined) break;
            queue.handOver(next, 1);
            expected.isInFlight = true;
            cursor = next.number + 1;
          }
        } else if (step.do === "rewind") {
          queue.rewind();
          for (const each of model) each.isInFlight = false;
          cursor = model[0]?.number ?? cursor;
        } else if (item !== undefined) {
          const real = queue.at(item.number);
          assert.ok(real !== null);
          if (step.do === "settle") {
            queue.settle(real);
            assert.equal(queue.at(item.number), null);
            model = model.filter((each) => each !== item);
          } else if (step.do === "grow") {
            if (item.isInFlight) continue;
            queue.grow(real, 7);
            item.bytes += 7;
          } else {
            queue.land(real);
            item.isInFlight = false;
          }
        }
        check(queue, model, cursor);
      }
    }),
  );
});

test("places that are settled and passed do not pile up behind one that waits", () => {
  const queue = new NatsQueue();
  for (let i = 0; i < 5000; i++) {
    queue.push(
      {
        subject: "s",
        payload: new PagedBytes(pages, new Uint8Array(1)),
        sequence: i,
        messageId: null,
        stored: 1,
        removed: 0,
        cleared: 0,
        acceptedMicros: null,
      },
      0,
    );
    const item = queue.peek();
    assert.ok(item !== null);
    queue.handOver(item, 0);
    if (i < 4999) queue.settle(item);
  }
  assert.equal(queue.first, 4999);
  assert.equal(queue.end, 5000);
  assert.equal(queue.at(4998), null);
  assert.equal(queue.at(4999)?.number, 4999);
  assert.equal(queue.flightCount, 1);
});
