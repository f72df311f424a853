/** `--engine zmq+tcp://…`: which sockets it means, and what is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ZmqEngineConfig } from "../../src/main/config/config.ts";
import { engineTarget } from "../../src/main/config/engine-url.ts";
import { flagPlace } from "../../src/main/config/option-spec.ts";
import { zmqConfig } from "../../src/main/config/zmq-engine-url.ts";
import { ConfigError } from "../../src/shared/errors.ts";

const PLACE = flagPlace("engine");

function config(text: string, ranks: number = 1): ZmqEngineConfig {
  const target = engineTarget.parse(text, PLACE);
  assert.ok(target.kind === "zmq", text);
  return zmqConfig(target.name ?? "engine0", target, ranks, PLACE);
}

function refusal(text: string, ranks: number = 1): string {
  try {
    config(text, ranks);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.option, "--engine");
    return error.message;
  }
  return assert.fail(`${text} was accepted`);
}

test("an address alone is the socket of rank 0, without replay", () => {
  assert.deepEqual(config("zmq+tcp://10.0.0.1:5557"), {
    kind: "zmq",
    name: "engine0",
    sockets: [{ rank: 0, endpoint: "tcp://10.0.0.1:5557", replayEndpoint: null }],
    topic: "",
    framing: "v2",
  });
  assert.equal(config("v=zmq+tcp://h:1").name, "v");
  assert.deepEqual(config("zmq+tcp://[::1]:5557").sockets[0]?.endpoint, "tcp://[::1]:5557");
});

test("each rank is found at the port of rank 0 plus its number, and so is its replay", () => {
  const { sockets, topic, framing } = config("zmq+tcp://h:5557?replay=6557&framing=v1&topic=kv%40a", 3);
  assert.deepEqual(sockets, [
    { rank: 0, endpoint: "tcp://h:5557", replayEndpoint: "tcp://h:6557" },
    { rank: 1, endpoint: "tcp://h:5558", replayEndpoint: "tcp://h:6558" },
    { rank: 2, endpoint: "tcp://h:5559", replayEndpoint: "tcp://h:6559" },
  ]);
  assert.deepEqual([topic, framing], ["kv@a", "v1"]);
});

test("a path has the rank behind it, from rank 1 on", () => {
  assert.deepEqual(config("zmq+ipc:///run/kv?replay=ipc:///run/kv-replay", 2).sockets, [
    { rank: 0, endpoint: "ipc:///run/kv", replayEndpoint: "ipc:///run/kv-replay" },
    { rank: 1, endpoint: "ipc:///run/kv_dp1", replayEndpoint: "ipc:///run/kv-replay_dp1" },
  ]);
});

test("with ports=one a single socket carries all ranks", () => {
  assert.deepEqual(config("zmq+tcp://h:5557?ports=one&replay=tcp://other:9", 4).sockets, [
    { rank: null, endpoint: "tcp://h:5557", replayEndpoint: "tcp://other:9" },
  ]);
});

test("what cannot be is refused, with what would be right", () => {
  assert.match(refusal("zmq+tcp://*:5557"), /"zmq\+tcp:\/\/\*:5557" is not allowed; it takes zmq\+tcp:\/\/host:port/);
  assert.match(refusal("zmq+tcp://h"), /is not allowed; it takes zmq\+tcp/);
  assert.match(refusal("zmq+udp://h:1"), /is not allowed; it takes zmq\+tcp/);
  assert.match(
    refusal("zmq+tcp://h:1?replays=2"),
    /no parameter "replays" \(did you mean replay\?\); there are topic, replay/,
  );
  assert.match(refusal("zmq+tcp://h:1?topic=a&topic=b"), /the parameter topic is given twice/);
  assert.match(refusal("zmq+tcp://h:1?topic=a%0Ab"), /topic: it takes at most 256 characters/);
  assert.match(
    refusal("zmq+tcp://h:1?replay=70000"),
    /--engine: replay: "70000" is not allowed; it takes a whole number/,
  );
  assert.match(refusal("zmq+tcp://h:1?replay=x"), /replay: "x" is not allowed; it takes a port of the same host, tcp/);
  assert.match(refusal("zmq+ipc:///p?replay=7"), /replay: "7" is not allowed; it takes tcp/);
  assert.match(refusal("zmq+tcp://h:1?framing=v1"), /framing: there is no replay/);
  assert.match(refusal("zmq+tcp://h:1?replay=2&framing=v3"), /framing: "v3" is not allowed/);
  assert.match(refusal("zmq+tcp://h:1?ports=all"), /ports: "all" is not allowed/);
  assert.match(refusal("zmq+tcp://h:65535", 2), /rank 1 would be at port 65536, and ports end at 65535/);
  assert.match(
    refusal("zmq+tcp://h:5557?replay=5558", 2),
    /with --attention-dp-size 2 the replay of one rank would be at "tcp:\/\/h:5558", where another publishes/,
  );
  const secret = "s3cr3t";
  const withSecret = refusal(`zmq+tcp://user:${secret}@h:1`);
  assert.match(withSecret, /a ZMQ address has no user name or password/);
  assert.ok(!withSecret.includes(secret));
});
