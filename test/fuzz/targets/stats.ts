/** What an engine answers of its iterations: each entry is a row or none, and no figure is one that lies. */
import assert from "node:assert/strict";
import { ListScanner } from "../../../src/main/engine/list-scanner.ts";
import type { IterationStat } from "../../../src/main/load/iteration-stat.ts";
import { scanRow, StatRow } from "../../../src/main/load/stat-row.ts";
import { MAX_RANK } from "../../../src/shared/record.ts";
import { row } from "../../support/load-rows.ts";
import { chunksOf } from "../chunks.ts";
import { fixture, listsOf } from "../fixtures.ts";
import { scanList } from "../scan-list.ts";
import { JSON_SYNTAX } from "../syntax.ts";
import type { FuzzTarget, Session } from "../target.ts";

export const STATS: FuzzTarget = {
  name: "stats",
  about: "iteration statistics of an engine",
  syntax: JSON_SYNTAX,
  seeds: () => [
    ...listsOf(fixture("trtllm/trtllm_iteration_stats.json"), 1),
    Buffer.from(JSON.stringify([row(), row({ attentionDpRank: 3 }), {}, null])),
  ],
  open,
};

function assertSound({ rank, usedBlocks, maxBlocks, iterationSeconds, forwardPass }: IterationStat): void {
  assert.ok(Number.isInteger(rank) && rank >= 0 && rank <= MAX_RANK);
  const blocks = [usedBlocks, maxBlocks].filter((count) => count !== null);
  for (const count of [...blocks, ...Object.values(forwardPass)]) assert.ok(Number.isSafeInteger(count) && count >= 0);
  assert.ok(Number.isFinite(iterationSeconds) && iterationSeconds >= 0);
}

function open(): Session {
  const scanner = new ListScanner(scanRow);
  const entry = new StatRow();

  const scan = (chunks: readonly Uint8Array[]): readonly [rows: number, bad: number] => {
    let rows = 0;
    let bad = 0;
    scanList(scanner, entry, chunks, () => {
      if (entry.stat === null) bad++;
      else {
        rows++;
        assertSound(entry.stat);
      }
    });
    assert.equal(scanner.entries, rows + bad, "each entry is a row or a bad one");
    return [rows, bad];
  };

  const run = (input: Uint8Array): void => {
    const found = scan(chunksOf(input));
    const { error } = scanner;
    assert.deepEqual(scan([input]), found, "the same in one piece");
    assert.deepEqual(scanner.error, error);
  };
  return { run };
}
