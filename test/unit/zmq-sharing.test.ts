/** Whether the publisher thread is told that other threads have ZMQ sockets, on which its way to end depends. */
import assert from "node:assert/strict";
import test from "node:test";
import { loadServeConfig } from "../../src/main/config/load.ts";
import { usesZmqOnMain } from "../../src/main/make-pipeline.ts";

const CASES: readonly (readonly [boolean, Readonly<Record<string, string>>])[] = [
  [false, { engine: "synthetic:" }],
  [false, { engine: "http://127.0.0.1:8000" }],
  [true, { engine: "synthetic:", "cluster-leader": "tcp://127.0.0.1:5600" }],
  [true, { engine: "zmq+tcp://127.0.0.1:5557" }],
];

for (const [expected, options] of CASES) {
  test(`${JSON.stringify(options)}: ${expected ? "it shares" : "it is alone"}`, async () => {
    const flags = new Map(Object.entries(options).map(([name, value]) => [name, [value]]));
    const { config } = await loadServeConfig(flags, {});
    assert.equal(usesZmqOnMain(config), expected);
  });
}

test("where others read the engines, as the consolidator does, it shares", () => {
  assert.equal(usesZmqOnMain({}), true);
});
