import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "../../src/shared/secret.ts";
import { Hangups, renewal } from "../../src/main/cli/hangup.ts";
import type { EngineCredentials } from "../../src/main/config/config.ts";
import { ConfigError } from "../../src/shared/errors.ts";
import { RecordingLog } from "../support/recording-log.ts";

const CREDENTIALS: EngineCredentials = {
  headers: new Secret({}),
  ca: undefined,
  clientCert: undefined,
  clientKey: undefined,
};

test("a hang-up that comes before anyone listens is told once, later ones each", (t) => {
  const before = process.listenerCount("SIGHUP");
  const hangups = new Hangups();
  t.after(() => hangups.close());
  let told = 0;
  process.emit("SIGHUP", "SIGHUP");
  process.emit("SIGHUP", "SIGHUP");
  hangups.listen(() => told++);
  assert.equal(told, 1);
  process.emit("SIGHUP", "SIGHUP");
  assert.equal(told, 2);
  hangups.close();
  assert.equal(process.listenerCount("SIGHUP"), before);
});

test("a bad file is an error in the log, and nothing is renewed", () => {
  const log = new RecordingLog();
  const renewed: EngineCredentials[] = [];
  let fail = true;
  const onHangup = renewal(
    () => {
      if (fail) throw new ConfigError("--engine-ca-file", "--engine-ca-file: no");
      return CREDENTIALS;
    },
    (credentials) => renewed.push(credentials),
    log,
  );
  onHangup();
  assert.deepEqual(renewed, []);
  assert.deepEqual(
    log.lines.map(({ level, fields }) => [level, fields]),
    [["error", { error: "--engine-ca-file: no" }]],
  );
  fail = false;
  onHangup();
  assert.deepEqual(renewed, [CREDENTIALS]);
  assert.equal(log.lines.at(-1)?.level, "info");
});

test("without files a hang-up does nothing, and says so", () => {
  const log = new RecordingLog();
  renewal(null, () => assert.fail("there is nothing to renew"), log)();
  assert.deepEqual(
    log.lines.map(({ level }) => level),
    ["info"],
  );
});
