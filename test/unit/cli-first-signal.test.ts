import assert from "node:assert/strict";
import { test } from "node:test";
import { firstSignal } from "../../src/main/cli/first-signal.ts";

function handlers(): number[] {
  return [process.listenerCount("SIGTERM"), process.listenerCount("SIGINT")];
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} is told once, and the next one of either kind is left to the system`, async () => {
    const before = handlers();
    const told = firstSignal();
    assert.deepEqual(
      handlers(),
      before.map((count) => count + 1),
    );
    process.emit(signal, signal);
    assert.equal(await told, signal);
    assert.deepEqual(handlers(), before);
  });
}
