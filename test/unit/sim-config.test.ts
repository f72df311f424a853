import assert from "node:assert/strict";
import { test } from "node:test";
import { putU64 } from "../../src/main/sim/event-json.ts";
import { parseFault } from "../../src/main/sim/sim-config.ts";
import { ConfigError } from "../../src/shared/errors.ts";

const ALWAYS = { fromMs: 0, untilMs: Infinity };
const DRAIN = "/kv_cache_events";

test("fault texts", () => {
  const answer = { share: 1, route: DRAIN, bytesPerSecond: 10, ...ALWAYS };
  const cases: [string, object][] = [
    ["gap:1%", { kind: "gap", share: 0.01, ...ALWAYS }],
    ["gap:0.5%@10s", { kind: "gap", share: 0.005, fromMs: 10_000, untilMs: Infinity }],
    ["restart-at:5000", { kind: "restart-at", count: 5000 }],
    ["unhealthy", { kind: "unhealthy", ...ALWAYS }],
    ["zombie", { kind: "zombie", ...ALWAYS }],
    ["mute@3s", { kind: "mute", fromMs: 3000, untilMs: Infinity }],
    ["unhealthy@0.5-2s", { kind: "unhealthy", fromMs: 500, untilMs: 2000 }],
    ["hang", { kind: "hang", ...answer }],
    ["http500:/*", { kind: "http500", ...answer, route: "/*" }],
    ["garbage:10%", { kind: "garbage", ...answer, share: 0.1 }],
    ["truncate:/metrics:100%", { kind: "truncate", ...answer, route: "/metrics" }],
    ["drop-connection:50%@30-60s", { kind: "drop-connection", ...answer, share: 0.5, fromMs: 30_000, untilMs: 60_000 }],
    ["slow", { kind: "slow", ...answer }],
    ["slow:500B/s:5%:/metrics", { kind: "slow", ...answer, share: 0.05, route: "/metrics", bytesPerSecond: 500 }],
  ];
  for (const [text, fault] of cases) assert.deepEqual(parseFault(text), fault, text);
});

test("what is not allowed is refused with the reason", () => {
  const cases: [string, RegExp][] = [
    ["", /the kinds are gap:1%, restart-at:5000, unhealthy, zombie, mute, hang, http500/u],
    ["sleep", /the kinds are/u],
    ["gap", /gap needs the share/u],
    ["gap:5", /"5" does not belong/u],
    ["gap:101%", /more than 100%/u],
    ["gap:1%:2%", /on top of another value/u],
    ["restart-at", /needs a number of events/u],
    ["restart-at:1.5", /no share/u],
    ["restart-at:5@3s", /takes no time/u],
    ["unhealthy:5%", /does not belong/u],
    ["hang:10B/s", /does not belong/u],
    ["slow:0B/s", /at least 1B\/s/u],
    ["slow:", /"" is no share/u],
    ["hang@", /"@" is no time/u],
    ["hang@5", /is no time/u],
    ["hang@9-3s", /ends before it begins/u],
    ["hang@1s@2s", /more than one @/u],
  ];
  for (const [text, reason] of cases) {
    assert.throws(
      () => parseFault(text),
      (error) => error instanceof ConfigError && error.option === "--fault" && reason.test(error.message),
      text,
    );
  }
});

test("a u64 is written digit by digit", () => {
  const powers = Array.from({ length: 20 }, (_, i) => 10n ** BigInt(i));
  const edges = [0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 48n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];
  const out = new Uint8Array(32);
  for (const value of [
    ...edges,
    ...powers,
    ...powers.map((power) => power - 1n),
    ...powers.map((power) => power + 1n),
  ]) {
    const end = putU64(out, 3, Number(value & 0xffff_ffffn), Number(value >> 32n));
    assert.equal(Buffer.from(out.subarray(3, end)).toString(), String(value));
  }
});
