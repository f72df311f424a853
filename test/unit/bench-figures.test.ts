/** Figures that bench cases work out themselves: what grows along a row, and what Linux tells of a process. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { growthOf } from "../../bench/e2e/scaling.ts";
import { cpuSeconds, procAbsence, rssBytes } from "../../bench/support/proc.ts";

test("growth is by the cheapest point before, however much cheaper it gets elsewhere", () => {
  assert.equal(growthOf([8, 4, 2]), 0.5);
  assert.equal(growthOf([8, 2, 3, 2]), 1.5);
  assert.equal(growthOf([1, 2, 4]), 4);
  assert.equal(growthOf([2, 2]), 1);
});

function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

test("CPU time and memory of a process are those that it knows of itself", { skip: procAbsence() ?? false }, () => {
  const before = ownCpuSeconds();
  const told = cpuSeconds(process.pid);
  assert.ok(told > before - 0.1 && told < ownCpuSeconds() + 0.1, `${told} s, not ${before} s`);
  const rss = rssBytes(process.pid);
  assert.ok(rss > 2 ** 24 && rss <= rssBytes(process.pid, "peak"));
});
