/** Who we are and whom we talk to: each way to prove it to a real server, and that a wrong proof is told, not repeated fast. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { nkeys } from "nats";
import type { NatsAuth, NatsTls } from "../../src/shared/nats-messages.ts";
import { NO_AUTH, NatsRig } from "../support/nats-rig.ts";
import { NatsServer } from "../support/nats-server.ts";

const TLS_FILES = path.join(process.cwd(), "test/fixtures/tls");
const ACCOUNT = "A";

function pem(name: string): string {
  return readFileSync(path.join(TLS_FILES, name), "utf8");
}

function seedOf(pair: ReturnType<typeof nkeys.createUser>): string {
  return new TextDecoder().decode(pair.getSeed());
}

function base64Json(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** One part of a creds file. */
function section(what: string, text: string): string {
  return `-----BEGIN ${what}-----\n${text}\n------END ${what}------\n`;
}

/** A token of NATS: signed claims of `issuer` about `subject`. */
function jwt(
  issuer: ReturnType<typeof nkeys.createUser>,
  subject: string,
  type: string,
  claims: Readonly<Record<string, unknown>> = {},
): string {
  const body = {
    jti: subject,
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    name: type,
    sub: subject,
    nats: { ...claims, type, version: 2 },
  };
  const text = `${base64Json({ typ: "JWT", alg: "ed25519-nkey" })}.${base64Json(body)}`;
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString("base64url")}`;
}

/** What a server needs to know of an operator and an account, and the creds file of a user of it. */
function credsWay(): { config: string; creds: string } {
  const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()];
  const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const accountJwt = jwt(operator, account.getPublicKey(), "account", { limits });
  const userJwt = jwt(account, user.getPublicKey(), "user", { pub: {}, sub: {}, subs: -1, data: -1, payload: -1 });
  return {
    config: `operator: "${jwt(operator, operator.getPublicKey(), "operator")}"
      resolver: MEMORY
      resolver_preload: { ${account.getPublicKey()}: "${accountJwt}" }`,
    creds: `${section("NATS USER JWT", userJwt)}\n${section("USER NKEY SEED", seedOf(user))}`,
  };
}

const user = nkeys.createUser();
const creds = credsWay();
const OTHER_CREDS = credsWay().creds;

const WAYS: readonly {
  readonly name: string;
  readonly config: string;
  readonly right: Partial<NatsAuth>;
  readonly wrong: Partial<NatsAuth>;
}[] = [
  {
    name: "user and password",
    config: "authorization { user: u, password: secret-1 }",
    right: { user: "u", password: "secret-1" },
    wrong: { user: "u", password: "secret-2" },
  },
  {
    name: "token",
    config: "authorization { token: secret-1 }",
    right: { token: "secret-1" },
    wrong: { token: "secret-2" },
  },
  {
    name: "nkey",
    config: `authorization { users: [ { nkey: ${user.getPublicKey()} } ] }`,
    right: { nkeySeed: `${seedOf(user)}\n` },
    wrong: { nkeySeed: seedOf(nkeys.createUser()) },
  },
  { name: "creds file", config: creds.config, right: { creds: creds.creds }, wrong: { creds: OTHER_CREDS } },
  {
    name: "nkey, no seed at all",
    config: creds.config,
    right: { creds: creds.creds },
    wrong: { nkeySeed: "secret-2" },
  },
  { name: "creds file, broken", config: creds.config, right: { creds: creds.creds }, wrong: { creds: "secret-2" } },
];

function connectionTo(server: NatsServer, auth: Partial<NatsAuth>, tls: NatsTls | null = null, host = "127.0.0.1") {
  return { servers: [`nats://${host}:${server.port}`], name: ACCOUNT, auth: { ...NO_AUTH, ...auth }, tls };
}

for (const { name, config, right, wrong } of WAYS) {
  test(`${name}: the right one publishes; a wrong one is refused, told once without the secret, and tried again slowly`, async (t) => {
    const server = await NatsServer.start(t, config);
    if (server === null) return;
    const good = new NatsRig(t, [], { connection: connectionTo(server, right) });
    const bad = new NatsRig(t, [], { connection: connectionTo(server, wrong) });
    good.offerMany(20);
    bad.offerMany(20);
    assert.equal((await good.settled()).sent, 20);
    assert.equal((await bad.report("nats-refused")).reason, "auth");
    await bad.report("nats-down");
    // The second try comes a second later at the earliest; two would have to follow at once to be more than this.
    assert.ok(bad.errors("auth") <= 2);
    assert.equal(bad.books().pending, 20);
    assert.ok(!/secret|SU[A-Z2-7]{20}/u.test(JSON.stringify(bad.reports)));
    assert.equal(bad.reports.length, 2);
  });
}

test("credentials that become right are used: the queue goes out", async (t) => {
  const server = await NatsServer.start(t, "authorization { user: u, password: secret-1 }");
  if (server === null) return;
  const rig = new NatsRig(t, [], { connection: connectionTo(server, { user: "u", password: "secret-2" }) });
  rig.offerMany(20);
  await rig.report("nats-refused");
  await server.kill();
  await server.restart("authorization { user: u, password: secret-2 }");
  assert.equal((await rig.settled(20_000)).sent, 20);
});

const SERVER_TLS = `cert_file: "${path.join(TLS_FILES, "server.pem")}", key_file: "${path.join(TLS_FILES, "server.key.pem")}"`;
const NO_TLS: NatsTls = { ca: null, cert: null, key: null, insecure: false };
const OUR_CA: NatsTls = { ...NO_TLS, ca: pem("ca.pem") };

test("TLS: our own CA, by name and by address, and a server that is not who it should be", async (t) => {
  const server = await NatsServer.start(t, `host: 0.0.0.0\ntls { ${SERVER_TLS} }`);
  if (server === null) return;
  for (const host of ["127.0.0.1", "localhost"]) {
    const rig = new NatsRig(t, [], { connection: connectionTo(server, {}, OUR_CA, host) });
    rig.offerMany(5);
    assert.equal((await rig.settled()).sent, 5, host);
  }
  // The same server; its certificate does not name this address.
  const elsewhere = new NatsRig(t, [], { connection: connectionTo(server, {}, OUR_CA, "127.0.0.2") });
  assert.match((await elsewhere.report("nats-down")).reason, /altnames|IP/u);
  const strangers = new NatsRig(t, [], { connection: connectionTo(server, {}, NO_TLS) });
  assert.match((await strangers.report("nats-down")).reason, /certificate/u);
  const unasked = new NatsRig(t, [], { connection: connectionTo(server, {}, null) });
  assert.match((await unasked.report("nats-down")).reason, /certificate/u);
  const careless = new NatsRig(t, [], { connection: connectionTo(server, {}, { ...NO_TLS, insecure: true }) });
  careless.offerMany(5);
  assert.equal((await careless.settled()).sent, 5);
});

test("TLS: a client certificate that the server demands", async (t) => {
  const ca = path.join(TLS_FILES, "ca.pem");
  const server = await NatsServer.start(t, `tls { ${SERVER_TLS}, ca_file: "${ca}", verify: true }`);
  if (server === null) return;
  const tls = { ...OUR_CA, cert: pem("client.pem"), key: pem("client.key.pem") };
  const rig = new NatsRig(t, [], { connection: connectionTo(server, {}, tls) });
  rig.offerMany(5);
  assert.equal((await rig.settled()).sent, 5);
  const without = new NatsRig(t, [], { connection: connectionTo(server, {}, OUR_CA) });
  await without.report("nats-down");
  assert.equal(without.reports.filter(({ type }) => type === "nats-up").length, 0);
});

test("TLS that is wanted and not offered: no connection, nothing goes out in the clear", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  const rig = new NatsRig(t, [], { connection: connectionTo(server, { token: "secret" }, OUR_CA) });
  rig.offerMany(5);
  await rig.report("nats-down");
  assert.equal(rig.books().pending, 5);
});

test("several servers: the one that is there is found", async (t) => {
  const [gone, there] = [await NatsServer.start(t), await NatsServer.start(t)];
  if (gone === null || there === null) return;
  await gone.kill();
  const rig = new NatsRig(t, [gone.url, there.url]);
  rig.offerMany(5);
  assert.equal((await rig.settled()).sent, 5);
  assert.deepEqual(await rig.report("nats-up"), { type: "nats-up", server: `127.0.0.1:${there.port}` });
});
