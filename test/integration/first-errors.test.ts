/** The mistakes of the first hour: each is told in words that say what to do, with the exit code that the README has for it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { end, startKvcast } from "../support/cli-process.ts";
import { serve, sim } from "../support/processes.ts";

const SYNTHETIC = ["--engine", "synthetic:?rate=10"];

test("what cannot start says why, and what would help", async (t) => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const anyZmq = ["--zmq-endpoint", "tcp://127.0.0.1:*"];
  for (const [args, code, words] of [
    [
      ["serve", ...SYNTHETIC, ...anyZmq, "--system-port", `${port}`],
      69,
      /another process listens there.*--system-port/,
    ],
    [
      ["serve", ...SYNTHETIC, "--system-port", "0", "--zmq-endpoint", `tcp://127.0.0.1:${port}`],
      69,
      /cannot bind tcp:\/\/127\.0\.0\.1:\d+: Address already in use; .*--zmq-endpoint/,
    ],
    [["serve", "--engine", "localhost:8000"], 78, /did you mean http:\/\/localhost:8000\?/],
    [["serve", "--engine", "htp://localhost:8000"], 78, /it takes http:\/\/host:port/],
    [["serve", "--engin", "http://localhost:8000"], 2, /Did you mean --engine\?/],
    [["server"], 2, /Did you mean serve\?/],
    [["serve"], 78, /--engine/],
    [["check", `http://127.0.0.1:${port + 1 > 65_535 ? 1 : port + 1}`], 69, /is kvcast serve running/],
  ] as const) {
    const ended = await end(startKvcast(args));
    assert.equal(ended.code, code, `${args.join(" ")}: ${ended.err}`);
    assert.match(ended.out + ended.err, words);
  }
});

test("an engine that is down, blocks of another size, a NATS server that is not there: kvcast runs, and says so at once", async (t) => {
  const gone = createServer();
  gone.listen(0, "127.0.0.1");
  await once(gone, "listening");
  const { port } = gone.address() as AddressInfo;
  gone.close();
  const engine = await sim(t, "--rate 200");
  for (const [flags, words] of [
    [`--engine http://127.0.0.1:${port}`, /no connection to the engine.*ECONNREFUSED/],
    [`--engine ${engine.url} --kv-block-size 16`, /a block holds more tokens than --kv-block-size/],
    [`--engine ${engine.url} --kv-block-size 16`, /Set --kv-block-size 32/],
    [
      `--engine synthetic:?rate=10 --sink nats --worker-id 1 --nats-url nats://127.0.0.1:${port}`,
      /there is no connection to NATS.*ECONNREFUSED/,
    ],
  ] as const) {
    const service = await serve(t, flags);
    await service.log((record) => record["level"] !== "info" && words.test(`${record.msg} ${JSON.stringify(record)}`));
    service.child.kill("SIGKILL");
    await service.exit;
  }
});
