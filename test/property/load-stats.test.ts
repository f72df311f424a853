/** Whatever an engine answers, its statistics neither throw nor hang, and no row is made up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ListScanner } from "../../src/main/engine/list-scanner.ts";
import { type IterationStat, iterationStatOf } from "../../src/main/load/iteration-stat.ts";
import { scanRow, StatRow } from "../../src/main/load/stat-row.ts";
import { row } from "../support/load-rows.ts";

/** The entries of a body that comes in two pieces; null for those that are no rows. */
function scan(body: Uint8Array, cut: number): { readonly rows: (IterationStat | null)[]; readonly whole: boolean } {
  const scanner = new ListScanner(scanRow);
  const entry = new StatRow();
  const rows: (IterationStat | null)[] = [];
  scanner.begin();
  for (const piece of [body.subarray(0, cut), body.subarray(cut)]) {
    scanner.push(piece);
    while (scanner.next(entry) === "event") rows.push(entry.stat);
  }
  scanner.end();
  for (;;) {
    const step = scanner.next(entry);
    if (step !== "event") return { rows, whole: step === "done" };
    rows.push(entry.stat);
  }
}

const anyRow = fc
  .record({ over: fc.dictionary(fc.constantFrom(...Object.keys(row()), "x"), fc.jsonValue(), { maxKeys: 3 }) })
  .map(({ over }) => row(over));

test("a list is read as a plain parse reads it, wherever it is cut", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(anyRow, fc.jsonValue()), { maxLength: 6 }), fc.nat(), (list, at) => {
      const body = Buffer.from(JSON.stringify(list));
      const { rows, whole } = scan(body, at % (body.length + 1));
      assert.ok(whole);
      const plain: unknown[] = JSON.parse(body.toString());
      assert.deepEqual(
        rows,
        plain.map((one) => iterationStatOf(one)),
      );
    }),
  );
});

test("a body with changed bytes neither throws nor gives more rows than it has", () => {
  const body = Buffer.from(JSON.stringify([row(), row({ attentionDpRank: 3 }), row({ timestamp: 'é \\ "' })]));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(body.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      fc.nat(body.length),
      (changes, cut) => {
        const broken = Buffer.from(body);
        for (const [at, byte] of changes) broken[at] = byte;
        const { rows } = scan(broken, cut);
        assert.ok(rows.length <= broken.filter((byte) => byte === 0x7b || byte === 0x2c).length);
      },
    ),
  );
});
