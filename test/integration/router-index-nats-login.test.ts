/** `kvcast index` at a NATS server that asks who is there: what is read with the right login over TLS, and nothing with a wrong one. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { connect } from "nats";
import { scrape } from "../support/books.ts";
import { eventually } from "../support/fault/deadline.ts";
import { NatsServer } from "../support/nats-server.ts";
import { index } from "../support/processes.ts";

const PATIENCE_MS = 20_000;
const TLS_FILES = path.join(process.cwd(), "test/fixtures/tls");
const file = (name: string): string => path.join(TLS_FILES, name);
const pem = (name: string): string => readFileSync(file(name), "utf8");
const SUBJECT = "namespace.dynamo.component.backend.kv-events";
const EVENT = {
  worker_id: 43,
  event: {
    event_id: 1,
    dp_rank: 0,
    data: { stored: { parent_hash: null, blocks: [{ block_hash: 5, tokens_hash: 6 }] } },
  },
};

const healthOf = async (url: string): Promise<number> => (await fetch(`${url}/health`)).status;

test("user, password and a client certificate, over TLS: the event plane is read", { timeout: 60_000 }, async (t) => {
  const server = await NatsServer.start(
    t,
    `authorization { user: u, password: secret-1 }
     tls { cert_file: "${file("server.pem")}", key_file: "${file("server.key.pem")}", ca_file: "${file("ca.pem")}", verify: true }`,
  );
  if (server === null) return;
  const password = path.join(server.folder, "password");
  writeFileSync(password, "secret-1\n");
  const certificates = `--nats-ca-file ${file("ca.pem")} --nats-client-cert-file ${file("client.pem")} --nats-client-key-file ${file("client.key.pem")}`;
  const login = `--nats-user u --nats-password-file ${password}`;
  const one = await index(t, `--block-size 4 --nats --nats-url ${server.url} ${certificates} ${login}`);
  await eventually("NATS is read", PATIENCE_MS, async () => ((await healthOf(one.url)) === 200 ? true : null));
  const connection = await connect({
    servers: server.url,
    user: "u",
    pass: "secret-1",
    tls: { ca: pem("ca.pem"), cert: pem("client.pem"), key: pem("client.key.pem") },
  });
  t.after(() => connection.close());
  connection.publish(SUBJECT, Buffer.from(JSON.stringify(EVENT)));
  await eventually("the block is there", PATIENCE_MS, async () =>
    (await scrape(one.url)).sum("kvcast_router_index_pairs") === 1 ? true : null,
  );
});

test(
  "a wrong password: not healthy, told without the secret, and read once it is right",
  { timeout: 60_000 },
  async (t) => {
    const server = await NatsServer.start(t, "authorization { user: u, password: secret-1 }");
    if (server === null) return;
    const password = path.join(server.folder, "password");
    writeFileSync(password, "secret-2\n");
    const one = await index(
      t,
      `--block-size 4 --nats --nats-url ${server.url} --nats-user u --nats-password-file ${password}`,
    );
    const told = await one.log(({ msg, level }) => /NATS/iu.test(msg) && level !== "info");
    assert.ok(!JSON.stringify(told).includes("secret"));
    assert.equal(await healthOf(one.url), 503);
    await server.kill();
    await server.restart("authorization { user: u, password: secret-2 }");
    await eventually("NATS is read", PATIENCE_MS, async () => ((await healthOf(one.url)) === 200 ? true : null));
  },
);
