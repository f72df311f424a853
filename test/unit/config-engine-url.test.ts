/** `--engine [NAME=]URL`: names, the two kinds of engines, and that no secret of a URL comes out again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { engineTarget } from "../../src/main/config/engine-url.ts";
import type { EngineTarget } from "../../src/main/config/engine-url.ts";
import { flagPlace } from "../../src/main/config/option-spec.ts";
import { ConfigError } from "../../src/shared/errors.ts";

const PLACE = flagPlace("engine");

function http(text: string): { name: string | null; href: string } {
  const target = engineTarget.parse(text, PLACE);
  assert.equal(target.kind, "http");
  assert.ok(target.kind === "http");
  return { name: target.name, href: target.url.href };
}

function synthetic(text: string): EngineTarget & { kind: "synthetic" } {
  const target = engineTarget.parse(text, PLACE);
  assert.ok(target.kind === "synthetic", text);
  return target;
}

function refusal(text: string): string {
  try {
    engineTarget.parse(text, PLACE);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.option, "--engine");
    assert.ok(error.message.startsWith("--engine: "), error.message);
    return error.message;
  }
  return assert.fail(`${text} was accepted`);
}

test("an HTTP engine is a base URL", () => {
  assert.deepEqual(http("http://127.0.0.1:8000"), { name: null, href: "http://127.0.0.1:8000/" });
  assert.deepEqual(http("https://h.example"), { name: null, href: "https://h.example/" });
  assert.deepEqual(http("HTTP://H:8000/base//"), { name: null, href: "http://h:8000/base" });
  assert.deepEqual(http("http://[::1]:8000"), { name: null, href: "http://[::1]:8000/" });
  assert.deepEqual(http(" http://h:1 "), { name: null, href: "http://h:1/" });
});

test("a name stands before the first =, unless that belongs to the URL", () => {
  assert.deepEqual(http("prod-a=http://h:1"), { name: "prod-a", href: "http://h:1/" });
  assert.equal(http(`${"n".repeat(64)}=http://h:1`).name, "n".repeat(64));
  assert.equal(synthetic("synthetic:?rate=5").name, null);
  assert.equal(synthetic("A_b.9-=synthetic:?rate=5").name, "A_b.9-");
  for (const name of ["", "a b", "é", "n".repeat(65), 'a"b', "a\nb"]) {
    assert.match(refusal(`${name}=http://h:1`), /engine name .* is not allowed; it takes 1 to 64 of/);
  }
});

test("the built-in engine takes parameters", () => {
  assert.deepEqual(synthetic("synthetic:").traffic, {});
  assert.deepEqual(synthetic("synthetic:?").traffic, {});
  assert.deepEqual(
    synthetic("x=synthetic:?events=10&rate=2.5&blocks=3&tokens=16&ranks=2&removed=0.25&seed=7").traffic,
    {
      events: 10,
      rate: 2.5,
      blocks: 3,
      tokens: 16,
      ranks: 2,
      removed: 0.25,
      seed: 7,
    },
  );
  assert.equal(synthetic("synthetic:?rate=max&events=unlimited").traffic.rate, Infinity);
});

test("bad parameters are named", () => {
  assert.match(refusal("synthetic:?seeds=1"), /no parameter "seeds" \(did you mean seed\?\); there are events, rate/);
  assert.match(refusal("synthetic:?rate=1&rate=2"), /rate is given twice/);
  assert.match(
    refusal("synthetic:?rate=0"),
    /^--engine: rate: "0" is not allowed; it takes events a second, more than 0/,
  );
  assert.match(refusal("synthetic:?rate="), /rate: "" is not allowed/);
  assert.match(refusal("synthetic:?rate"), /rate: "" is not allowed/);
  assert.match(refusal("synthetic:?removed=1.5"), /removed: "1.5" is not allowed; it takes a number from 0 to 1/);
  assert.match(refusal("synthetic:?events=-1"), /events: "-1"/);
  assert.match(refusal("synthetic:?__proto__=1"), /no parameter "__proto__"/);
  for (const text of ["synthetic", "synthetic://", "synthetic:rate=5", "synthetic://?rate=5", "synthetic:#x"]) {
    assert.match(refusal(text), /synthetic:/, text);
  }
});

test("a recording is an engine, with a speed", () => {
  const place = { label: "--engine", option: "--engine" };
  const parse = (text: string): unknown => engineTarget.parse(text, place);
  assert.deepEqual(parse("file:a.rec"), { kind: "file", name: null, path: "a.rec", speed: 1 });
  assert.deepEqual(parse("b=file:/x/a.rec?speed=2.5"), { kind: "file", name: "b", path: "/x/a.rec", speed: 2.5 });
  assert.deepEqual(parse("file:///x/a.rec?speed=max"), { kind: "file", name: null, path: "/x/a.rec", speed: Infinity });
  for (const text of [
    "file:",
    "file:?speed=1",
    "file:x?speed=-1",
    "file:x?speed=1e3",
    "file:x?speed",
    "file:x?rate=1",
  ]) {
    assert.throws(() => parse(text), { code: "KVCAST_BAD_CONFIG" }, text);
  }
});

test("other schemes are refused with the list of those that work", () => {
  assert.match(refusal("localhost:8000"), /"localhost:8000" is not allowed \(did you mean http:\/\/localhost:8000\?\)/);
  for (const text of ["ftp://h:1", "h", "", "//h:1", "zmq:x", "javascript:alert(1)"]) {
    assert.match(
      refusal(text),
      /is not allowed; it takes http:\/\/host:port, https:\/\/host:port, zmq\+tcp:\/\/host:port, synthetic:.* or file:/,
      text,
    );
  }
  assert.match(refusal("tcp://h:1"), /"tcp:\/\/h:1" is not allowed \(did you mean zmq\+tcp:\/\/h:1\?\)/);
  for (const text of ["http://", "http:///x", "http:h:1", "http://h:99999", "http://a:b:c", String.raw`http:\\h`]) {
    assert.match(refusal(text), /is not a URL; it takes http:/, text);
  }
  assert.match(refusal("http://h:1/a b"), /holds white space/);
  assert.match(refusal("http://h:1\nX"), /holds white space/);
});

test("credentials are refused, and never repeated", () => {
  const secret = "s3cr3t";
  for (const text of [
    `http://user:${secret}@h:1`,
    `http://${secret}@h:1`,
    `e=https://user:${secret}@h:1/x`,
    `http://user:${secret}/more@h:1`,
    `http://user:${secret}?more@h:1`,
    `http://h:1?token=${secret}`,
    `http://h:1/#${secret}`,
    `ftp://user:${secret}@h:1`,
    `ftp://user:${secret}?x@h:1`,
    `user:${secret}@h:8000`,
    `http://user:${secret} x@h:1`,
    `ftp://h:1?token=${secret}`,
  ]) {
    assert.ok(!refusal(text).includes(secret), text);
  }
  assert.match(refusal("http://user:x@h:1"), /user name or password.*--engine-header-file/);
  assert.match(refusal("http://h:1?a=b"), /^--engine: "http:\/\/h:1": a query or fragment is not allowed/);
});
