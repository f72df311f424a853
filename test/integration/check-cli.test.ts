/** `kvcast check` against services in every state, real and made up. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { end, type Ended, startKvcast } from "../support/cli-process.ts";
import { serve } from "../support/processes.ts";

async function check(t: TestContext, ...args: string[]): Promise<Ended> {
  const child = startKvcast(["check", ...args]);
  t.after(() => child.kill("SIGKILL"));
  return end(child);
}

/** A service that answers every probe with this. */
async function answering(t: TestContext, status: number, body: unknown): Promise<string> {
  const server = createServer((_, response) => {
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const WARNING = {
  name: "clock_skew",
  target: "engine0",
  ok: false,
  severity: "warning",
  reason: "its clock is 3 s ahead",
  fix: "synchronise the clocks",
  since: 1,
};
const FAILURE = { ...WARNING, name: "engine_alive", severity: "critical", reason: "503 | for ever", fix: "restart it" };

test("a service that is well: 0 in every format", async (t) => {
  const service = await serve(t, "--engine synthetic:?rate=100");
  const url = service.facts.url;
  const text = await check(t, url);
  assert.deepEqual([text.code, text.err], [0, ""]);
  assert.match(text.out, /^ready\n/);
  const json = await check(t, url, "--format", "json");
  assert.equal(json.code, 0);
  const answer = JSON.parse(json.out) as { readonly ok: boolean; readonly reached: boolean };
  assert.deepEqual([answer.ok, answer.reached], [true, true]);
  const nagios = await check(t, url, "--format", "nagios");
  assert.equal(nagios.code, 0);
  assert.match(nagios.out, /^KVCAST OK - ready \| time=\d+\.\d{3}s;;5;0 failing_checks=0;;;0 uptime=\d+s\n$/);
  assert.equal((await check(t, url, "--probe", "live")).code, 0);
});

test("warnings do not count, but are said, and are a WARNING to Nagios", async (t) => {
  const url = await answering(t, 200, { status: "ready", uptime: { secs: 7 }, version: "1", checks: [WARNING] });
  const text = await check(t, url);
  assert.deepEqual(
    [text.code, text.out],
    [0, "ready\n  warning clock_skew engine0: its clock is 3 s ahead; synchronise the clocks\n"],
  );
  const nagios = await check(t, url, "--format", "nagios");
  assert.equal(nagios.code, 1);
  assert.match(nagios.out, /^KVCAST WARNING - warning clock_skew engine0: .* failing_checks=1;;;0 uptime=7s\n$/);
});

test("a service that is not ready: 10 with the reasons, the worst first; 2 for Nagios, on one line", async (t) => {
  const url = await answering(t, 503, { status: "notready", reasons: ["engine engine0"], checks: [WARNING, FAILURE] });
  const text = await check(t, url);
  assert.equal(text.code, 10);
  assert.match(text.out, /^notready\n {2}critical engine_alive .*restart it\n {2}warning clock_skew/);
  const nagios = await check(t, url, "--format", "nagios");
  assert.equal(nagios.code, 2);
  assert.match(nagios.out, /^KVCAST CRITICAL - critical engine_alive engine0: 503 \/ for ever; warning[^|]*\| time=/);
  assert.equal(nagios.out.split("\n").length, 2);
  const json = JSON.parse((await check(t, url, "--format", "json")).out) as { readonly checks: readonly unknown[] };
  assert.equal(json.checks.length, 2);
});

test("nobody there, or somebody else: 69, for Nagios 2 and 3", async (t) => {
  const gone = "http://127.0.0.1:1";
  const none = await check(t, gone);
  assert.equal(none.code, 69);
  assert.match(none.out, /cannot be reached \(ECONNREFUSED\)/);
  assert.equal((await check(t, gone, "--format", "nagios")).code, 2);
  const other = await answering(t, 200, "<html>hello</html>");
  assert.match((await check(t, other)).out, /not as kvcast does/);
  assert.equal((await check(t, other, "--format", "nagios")).code, 3);
  assert.deepEqual(JSON.parse((await check(t, gone, "--format", "json")).out).reached, false);
});

test("an answer that never comes ends with the time-out, one with strange checks is taken without them", async (t) => {
  const silent = createServer(() => {});
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  t.after(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const late = await check(t, url, "--timeout", "0.3");
  assert.deepEqual([late.code, late.out], [69, `${url}: no answer within 0.3 s\n`]);
  const strange = await answering(t, 503, {
    status: "not\u001b[31mready",
    reasons: [7, "the first\nreason"],
    checks: [{ name: "<script>", ok: false }, 3, null],
  });
  const told = await check(t, strange);
  assert.deepEqual([told.code, told.out], [10, "not [31mready\n  the first reason\n"]);
});

test("what is wrong with the command line is said", async (t) => {
  assert.equal((await check(t, "ftp://host")).code, 78);
  assert.equal((await check(t, "--format", "xml")).code, 78);
  assert.equal((await check(t, "--nonsense")).code, 2);
});
