/** Every option of `kvcast index` arrives in the configuration, by flag, by variable and by file. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { stringify } from "yaml";
import { INDEX_OPTION_LIST, INDEX_OPTIONS } from "../../src/main/config/index-options.ts";
import { type IndexConfig, loadIndexConfig } from "../../src/main/config/load-index.ts";

const folder = mkdtempSync(path.join(tmpdir(), "kvcast-index-"));
after(() => rmSync(folder, { recursive: true }));

interface Row {
  readonly value: string | number;
  readonly becomes: unknown;
  readonly read: (config: IndexConfig) => unknown;
  /** Other options that this one needs. */
  readonly beside?: Readonly<Record<string, string>>;
}

const SOURCE = { endpoint: "tcp://h:1", replayEndpoint: null, replayFraming: "v2", sync: false };
const BLOCKS = { "block-size": "32" };
const ROWS: { readonly [K in keyof typeof INDEX_OPTIONS]: Row } = {
  workers: {
    value: "7=tcp://h:1,7:2=tcp://h:2?replay=tcp://h:3&framing=v1&sync=on",
    becomes: [
      { worker: 7n, rank: 0, source: SOURCE },
      {
        worker: 7n,
        rank: 2,
        source: { endpoint: "tcp://h:2", replayEndpoint: "tcp://h:3", replayFraming: "v1", sync: true },
      },
    ],
    read: (config) => config.workers,
    beside: BLOCKS,
  },
  blockSize: { value: 16, becomes: 16, read: (config) => config.blockSizeTokens },
  modelName: { value: "m/n", becomes: "m/n", read: (config) => config.modelName },
  routingGroup: { value: "blue", becomes: "blue", read: (config) => config.routingGroup },
  maxBlocks: { value: 5, becomes: 5, read: (config) => config.maxPairs },
  onFull: { value: "evict", becomes: "evict", read: (config) => config.onFull },
  nats: { value: "on", becomes: "dynamo", read: (config) => config.nats?.namespace, beside: BLOCKS },
  overlapWeight: { value: 2.5, becomes: 2.5, read: (config) => config.overlapWeight },
  temperature: { value: 0.5, becomes: 0.5, read: (config) => config.temperature },
  maxActiveBlocks: { value: 100, becomes: 100, read: (config) => config.maxActiveBlocks },
  host: { value: "0.0.0.0", becomes: "0.0.0.0", read: (config) => config.host },
  port: { value: 0, becomes: 0, read: (config) => config.port },
};

const flagsOf = (values: Readonly<Record<string, string>>): Map<string, string[]> =>
  new Map(Object.entries(values).map(([name, value]) => [name, [value]]));

for (const [key, { value, becomes, read, beside = {} }] of Object.entries(ROWS)) {
  const { name, env } = INDEX_OPTIONS[key as keyof typeof INDEX_OPTIONS];
  test(`--${name}`, async () => {
    const text = String(value);
    assert.deepEqual(read(await loadIndexConfig(flagsOf({ ...beside, [name]: text }), {})), becomes, "by flag");
    for (const variable of env) {
      assert.deepEqual(read(await loadIndexConfig(flagsOf(beside), { [variable.name]: text })), becomes, variable.name);
    }
    const file = path.join(folder, `${name}.yaml`);
    writeFileSync(file, stringify({ [name]: value }));
    assert.deepEqual(read(await loadIndexConfig(flagsOf({ ...beside, config: file }), {})), becomes, "by file");
  });
}

test("the list has all of them, and those of NATS reach the connection", async () => {
  for (const option of Object.values(INDEX_OPTIONS)) assert.ok(INDEX_OPTION_LIST.includes(option), option.name);
  const flags = {
    ...BLOCKS,
    nats: "on",
    "nats-url": "nats://h:1",
    "nats-jetstream": "KV",
    namespace: "n",
    component: "c",
  };
  const { nats } = await loadIndexConfig(flagsOf(flags), { NATS_AUTH_TOKEN: "secret" });
  assert.deepEqual(nats?.connection.servers, ["nats://h:1"]);
  assert.equal(nats.connection.auth.reveal().token, "secret");
  assert.deepEqual([nats.jetStream, nats.namespace, nats.component], ["KV", "n", "c"]);
  const { nats: none, blockSizeTokens } = await loadIndexConfig(new Map(), {});
  assert.deepEqual([none, blockSizeTokens], [null, null]);
});

const REFUSED: readonly (readonly [what: Readonly<Record<string, string>>, message: RegExp])[] = [
  [{ workers: "1=tcp://h:1" }, /^--block-size is missing/],
  [{ nats: "on" }, /^--block-size is missing/],
  [{ ...BLOCKS, workers: "tcp://h:1" }, /is no worker/],
  [{ ...BLOCKS, workers: "1:1024=tcp://h:1" }, /is no worker/],
  [{ ...BLOCKS, workers: "18446744073709551616=tcp://h:1" }, /--workers/],
  [{ ...BLOCKS, workers: "1=tcp://*:1" }, /--workers/],
  [{ ...BLOCKS, workers: "1=tcp://h:1,1:0=tcp://h:2" }, /worker 1 rank 0 is there twice/],
  [{ ...BLOCKS, workers: "1=tcp://h:1?sync=on" }, /sync=on needs replay=EP/],
  [{ ...BLOCKS, workers: "1=tcp://h:1?framing=v3" }, /there is no framing "v3"/],
  [{ ...BLOCKS, workers: "1=tcp://h:1?reply=x" }, /no parameter "reply".*replay/],
  [{ "on-full": "panic" }, /one of refuse, evict/],
];

test("what cannot be is refused with the place, the value and what to do", async () => {
  for (const [flags, message] of REFUSED) {
    await assert.rejects(loadIndexConfig(flagsOf(flags), {}), (error: Error) => {
      assert.match(error.message, message);
      return true;
    });
  }
});
