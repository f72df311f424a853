/** The unit file, and what a service tells systemd: by systemd's own tools, to a socket that plays systemd. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { loadServeConfig } from "../../src/main/config/load.ts";
import { eventually } from "../support/fault/deadline.ts";
import { Kvcast } from "../support/processes.ts";
import { requireTool } from "../support/tools.ts";

const UNIT = path.join(process.cwd(), "deploy/systemd/kvcast.service");
const PATIENCE_MS = 30_000;

/** Node has no datagram sockets of this family: Debian's Python listens, and prints each message on a line. */
const LISTENER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("listening", flush=True)
while True:
    print(s.recv(4096).decode().strip().replace("\\n", " "), flush=True)
`;

interface Listener {
  readonly socket: string;
  readonly heard: readonly string[];
  has(word: string): Promise<void>;
}

async function listener(t: TestContext): Promise<Listener | null> {
  const python = requireTool(t, "python3");
  if (python === null) return null;
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-systemd-"));
  const socket = path.join(folder, "notify");
  const child = spawn(python, ["-c", LISTENER, socket], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  const heard: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => heard.push(line));
  const has = async (word: string): Promise<void> => {
    await eventually(word, PATIENCE_MS, () => (heard.some((line) => line.includes(word)) ? true : null));
  };
  await has("listening");
  return { socket, heard, has };
}

test("the unit file is one that systemd takes, and names what the service does", (t) => {
  const analyze = requireTool(t, "systemd-analyze");
  if (analyze === null) return;
  // It complains on stderr, and ends with a failure, about anything it does not know.
  const said = execFileSync(analyze, ["verify", UNIT], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  assert.equal(said, "");
  const unit = readFileSync(UNIT, "utf8");
  for (const line of ["Type=notify", "NotifyAccess=all", "NoNewPrivileges=yes", "DynamicUser=yes"]) {
    assert.ok(unit.includes(`\n${line}\n`), line);
  }
});

test("the configuration beside it is one that serve would start with", async () => {
  const file = path.join(path.dirname(UNIT), "kvcast.yaml");
  const { config } = await loadServeConfig(new Map([["config", [file]]]), {});
  assert.equal(config.kvBlockSizeTokens, 32);
});

for (const command of [
  "serve --engine synthetic:?rate=10 --zmq-endpoint tcp://127.0.0.1:* --system-port -1",
  "consolidate --engine-endpoint tcp://127.0.0.1:1 --output-endpoint tcp://127.0.0.1:* --system-port -1",
]) {
  test(`${command.split(" ")[0]} tells when it is ready, that it lives, and when it stops`, async (t) => {
    if (requireTool(t, "systemd-notify") === null) return;
    const systemd = await listener(t);
    if (systemd === null) return;
    const env = { NOTIFY_SOCKET: systemd.socket, WATCHDOG_USEC: "900000" };
    const service = new Kvcast(t, command, { env });
    await systemd.has("READY=1");
    await systemd.has("STATUS=publishing on tcp://127.0.0.1:");
    await systemd.has("WATCHDOG=1");
    service.child.kill("SIGTERM");
    await systemd.has("STOPPING=1");
    assert.deepEqual(await service.exit, { code: 0, signal: null });
  });
}

test("a service that systemd does not listen to says nothing, one without the tool says so once", async (t) => {
  const line = "serve --engine synthetic:?rate=10 --zmq-endpoint tcp://127.0.0.1:* --system-port -1";
  const env = { NOTIFY_SOCKET: "/nonexistent/notify", WATCHDOG_USEC: "90000", PATH: "/nonexistent" };
  const service = new Kvcast(t, line, { env });
  const warning = await service.log((record) => record.msg.startsWith("systemd cannot be told"));
  assert.equal(warning["code"], "ENOENT");
  service.child.kill("SIGTERM");
  assert.deepEqual(await service.exit, { code: 0, signal: null });
  assert.equal(service.logs.filter(({ msg }) => msg.startsWith("systemd cannot")).length, 1);
});
