/** The npm package as its users get it: packed from this build, installed into an empty folder, and run there. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";

const ROOT = process.cwd();
/** What of the project goes into a pack. */
const SOURCES = [
  "package.json",
  "package-lock.json",
  "README.md",
  "CHANGELOG.md",
  "LICENSE",
  "scripts",
  "node_modules",
  "deploy",
  "docs",
];
const MAX_PACKAGE_BYTES: number = 12 * 1024 * 1024;

function run(cwd: string, command: string, ...args: string[]): string {
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 120_000 });
}

/** The file that `npm pack` makes, out of a copy of the project: it must not touch the build that tests run in. */
function pack(folder: string): string {
  const copy = path.join(folder, "project");
  mkdirSync(path.join(copy, "dist"), { recursive: true });
  // Links where the file system allows: a quarter of a gigabyte is not read for this.
  for (const name of SOURCES) {
    try {
      run(ROOT, "cp", "-al", path.join(ROOT, name), copy);
    } catch {
      rmSync(path.join(copy, name), { recursive: true, force: true });
      run(ROOT, "cp", "-a", path.join(ROOT, name), copy);
    }
  }
  run(ROOT, "cp", "-a", path.join(ROOT, "dist/src"), path.join(copy, "dist"));
  run(copy, process.execPath, "scripts/slim-bundle.js", "aside");
  run(copy, "npm", "pack", "--ignore-scripts", "--pack-destination", folder);
  run(copy, process.execPath, "scripts/slim-bundle.js", "back");
  assert.ok(
    existsSync(path.join(copy, "node_modules/rxjs")) && !existsSync(path.join(copy, "node_modules/.kvcast-aside")),
  );
  const [file] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  assert.ok(file);
  return path.join(folder, file);
}

function temporary(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-package-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("npx kvcast serve works out of the package, in an empty folder and without an override", async (t) => {
  const folder = temporary(t);
  const file = pack(folder);
  assert.ok(statSync(file).size < MAX_PACKAGE_BYTES, `${statSync(file).size} bytes`);
  const home = path.join(folder, "home");
  mkdirSync(home);
  writeFileSync(path.join(home, "package.json"), '{ "private": true }\n');
  run(home, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", file);

  const program = 'import("kvcast").then((kvcast) => console.log(typeof kvcast.ZmqKvEventPublisher))';
  assert.equal(run(home, process.execPath, "-e", program).trim(), "function");
  assert.match(run(home, "npx", "--no-install", "kvcast", "--version"), /^kvcast \d+\.\d+\.\d+/);

  const board = run(home, "npx", "--no-install", "kvcast", "dashboards", "export", "--board", "overview");
  assert.equal((JSON.parse(board) as { uid: string }).uid, "kvcast-overview");
  assert.ok(existsSync(path.join(home, "node_modules/kvcast/docs/runbooks/KvcastTargetDown.md")));

  const args = "--no-install kvcast serve --engine synthetic:?rate=100 --system-port 0 --log-format json";
  const serve = spawn("npx", [...args.split(" "), "--zmq-endpoint", "tcp://127.0.0.1:*"], {
    cwd: home,
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  const ended = once(serve, "exit");
  t.after(() => {
    if (serve.exitCode === null && serve.signalCode === null && serve.pid !== undefined)
      process.kill(-serve.pid, "SIGKILL");
  });
  let started: Readonly<Record<string, unknown>> | null = null;
  const lines = createInterface({ input: serve.stderr });
  for await (const line of lines) {
    const record: Readonly<Record<string, unknown>> = line.startsWith("{") ? JSON.parse(line) : {};
    if (record["msg"] !== "kvcast is running") continue;
    started = record;
    break;
  }
  serve.stderr.resume();
  const page = await fetch(String(started?.["metrics_url"]));
  assert.equal(page.status, 200);
  const native = process.versions.modules === "115" && process.platform === "linux";
  assert.equal(started?.["http_server"], native ? "hyper-express" : "node");
  assert.match(await page.text(), /kvcast_source_received_events_total/);
  // To the whole group, as a terminal does: npx does not pass signals on by itself.
  process.kill(-Number(serve.pid), "SIGTERM");
  await ended;
});
