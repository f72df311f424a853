/** The mistakes of the first hour: each is told in words that say what to do, with the exit code that the README has for it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
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
      /cannot bind tcp:\/\/127\.0\.0\.1:\d+: another process listens there, perhaps another kvcast; .*--zmq-endpoint/,
    ],
    [
      ["serve", ...SYNTHETIC, ...anyZmq, "--system-port", "0", "--replay-endpoint", `tcp://127.0.0.1:${port}`],
      69,
      /another process listens there, perhaps another kvcast; .*--replay-endpoint/,
    ],
    [
      ["consolidate", "--engine-endpoint", "tcp://127.0.0.1:9", "--output-endpoint", "tcp://127.0.0.1:*"].concat(
        "--system-port",
        `${port}`,
      ),
      69,
      /another process listens there.*or another address with --system-host\n/,
    ],
    [
      ["serve", ...SYNTHETIC, "--system-port", "0", "--zmq-endpoint", "ipc:///nowhere/kv.sock"],
      69,
      /there is no directory \/nowhere.*make it first/,
    ],
    [["serve", ...SYNTHETIC, "--zmq-endpoint", "127.0.0.1:5557"], 78, /did you mean tcp:\/\/127\.0\.0\.1:5557\?/],
    [["serve", ...SYNTHETIC, "--zmq-endpoint", "/run/kv.sock"], 78, /did you mean ipc:\/\/\/run\/kv\.sock\?/],
    [["tail", "http://127.0.0.1:5557"], 78, /did you mean tcp:\/\/127\.0\.0\.1:5557\?/],
    [["serve", "http://localhost:8000"], 2, /a value goes behind its flag, as --engine URL/],
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
  const engine = await sim(t, "--rate 200 --ranks 2");
  for (const [flags, words] of [
    [`--engine http://127.0.0.1:${port}`, /no connection to the engine.*ECONNREFUSED/],
    [`--engine ${engine.url} --kv-block-size 16`, /a block holds more tokens than --kv-block-size/],
    [`--engine ${engine.url} --kv-block-size 16`, /Set --kv-block-size 32/],
    [`--engine ${engine.url}`, /beyond --attention-dp-size are published: is it too small\?/],
    [`--engine ${engine.url}/v1`, /there is no \/kv_cache_events here: a wrong URL/],
    [`--engine ${engine.url.replace("http:", "https:")}`, /speaks no TLS: http:\/\/ in place of https:\/\/\?/],
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

test("a configuration file with a tab, with an option that there is not, with one spelled otherwise", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-first-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [text, words] of [
    ["engine:\n\t- http://localhost:8000\n", /line 2: .*Tabs are not allowed as indentation/],
    ["engine: http://localhost:8000\nfrobnicate: 1\n", /line 2: no option "frobnicate"/],
    ["engine: http://localhost:8000\nkv_blok_size: 1\n", /line 2: .*did you mean kv-block-size\?/],
  ] as const) {
    const file = path.join(folder, "kvcast.yaml");
    writeFileSync(file, text);
    const ended = await end(startKvcast(["serve", "--config", file]));
    assert.equal(ended.code, 78);
    assert.match(ended.err, words);
  }
});

test("a tail of nobody says that it waits", async (t) => {
  const gone = createServer();
  gone.listen(0, "127.0.0.1");
  await once(gone, "listening");
  const { port } = gone.address() as AddressInfo;
  gone.close();
  const tail = startKvcast(["tail", `tcp://127.0.0.1:${port}`]);
  t.after(() => tail.kill("SIGKILL"));
  let said = "";
  tail.stderr.setEncoding("utf8");
  for await (const text of tail.stderr) {
    said += String(text);
    if (said.includes("\n")) break;
  }
  assert.match(said, /nobody listens at tcp:\/\/127\.0\.0\.1:\d+ yet; waiting/);
});
