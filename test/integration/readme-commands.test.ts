/**
 * Each command of the README, run as it stands there, but for addresses: those of this test's own engine, service and servers. What is
 * not run here is in a table, with where it is.
 */
import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { spawn } from "node:child_process";
import { test, type TestContext } from "node:test";
import { end, KVCAST, startKvcast } from "../support/cli-process.ts";
import { NatsServer } from "../support/nats-server.ts";
import { index, type Kvcast, serve, type ServeFacts, sim } from "../support/processes.ts";

/** The beginnings of lines that other tests run, or CI itself. */
const ELSEWHERE: readonly string[] = [
  // .ci/run does the second; systemd.test.ts and package.test.ts start what the first starts.
  "npm ci && npm",
  "npm run build",
  "alias kvcast=",
  // examples.test.ts
  "node dist/examples/subscriber.js",
  // It takes eight of them: cluster-serve.test.ts
  "kvcast serve --engine http://127.0.0.1:8000 --cluster-leader",
  "kvcast cluster status",
  // Ten seconds and more: flood-cli.test.ts
  "kvcast flood",
];

/** Lines of shell, without comments. */
function commandsOf(page: string): readonly string[] {
  return [...page.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = ""]) =>
    block
      .replaceAll(/\\\n\s*/g, "")
      .split("\n")
      .map((line) => line.replace(/\s+#.*$/, "").trim())
      .filter((line) => line !== ""),
  );
}

/** Words of a command, as a shell makes them where nothing but quotes is special. */
function wordsOf(command: string): readonly string[] {
  return [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? "",
  );
}

/** Has a shell run it in that folder. */
async function runIn(folder: string, command: string): Promise<number | null> {
  const line = `kvcast() { "$0" "$CLI_FILE" "$@"; }; ${command}`;
  const child = spawn("/bin/sh", ["-c", line, process.execPath], {
    cwd: folder,
    env: { ...process.env, CLI_FILE: KVCAST },
    stdio: "ignore",
  });
  return new Promise((resolve) => child.once("exit", resolve));
}

/** Everything that the lines about a running service talk to. */
async function rig(t: TestContext): Promise<{
  readonly engine: string;
  readonly service: Kvcast & { readonly facts: ServeFacts };
  readonly replay: string;
}> {
  const engine = await sim(t, "--rate 500");
  const service = await serve(t, `--engine ${engine.url} --replay-endpoint tcp://127.0.0.1:* --snapshot`);
  const started = await service.log("kvcast is running");
  await service.log((record) => record.msg === "flow" && Number(record["published_total"]) > 10);
  return { engine: engine.url, service, replay: String(started["replay_endpoint"]) };
}

async function endOf(service: Kvcast): Promise<void> {
  service.child.kill("SIGTERM");
  assert.deepEqual(await service.exit, { code: 0, signal: null });
}

test("each command of the README does what it says", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-readme-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { engine, service, replay } = await rig(t);
  const { url, zmqEndpoint } = service.facts;
  copyFileSync("deploy/systemd/kvcast.yaml", path.join(folder, "kvcast.yaml"));
  const here = (command: string): string =>
    command
      .replaceAll("http://127.0.0.1:8000", engine)
      .replaceAll("http://127.0.0.1:8081", url)
      .replaceAll("tcp://127.0.0.1:20081", zmqEndpoint)
      .replaceAll("tcp://host:5557", zmqEndpoint)
      .replaceAll(/tcp:\/\/(?:127\.0\.0\.1:20082|host:5558)/g, replay);
  let run = 0;
  for (const command of commandsOf(readFileSync("README.md", "utf8"))) {
    if (ELSEWHERE.some((beginning) => command.startsWith(beginning))) continue;
    run++;
    const words = wordsOf(here(command)).slice(1);
    const [name = ""] = words;
    if (command.startsWith("curl ")) {
      const page = await (await fetch(`${url}/metrics`)).text();
      assert.match(page, new RegExp(/grep (\S+)/.exec(command)?.[1] ?? "$^"));
    } else if (name === "serve") {
      const nats = command.includes("--nats-url") ? await NatsServer.start(t) : undefined;
      if (nats === null) continue;
      const flags = words
        .slice(1)
        .join(" ")
        .replace(replay, "tcp://127.0.0.1:*")
        .replace("nats://127.0.0.1:4222", nats?.url ?? "")
        .replace("tcp://*:20081", "tcp://127.0.0.1:*")
        .replaceAll(/ (server\.secret|clients)/g, ` ${folder}/$1`);
      // It would take events from the service that the other lines look at.
      const own = await sim(t, "--rate 500");
      await endOf(await serve(t, flags.replace(engine, own.url)));
    } else if (name === "sim") {
      await sim(t, words.slice(1).join(" ").replace("--port 8000 ", ""));
    } else if (name === "index") {
      const router = await index(t, words.slice(1).join(" "));
      assert.equal((await fetch(`${router.url}/health`)).status, 200);
      await endOf(router);
    } else if (name === "tail") {
      const tail = await end(startKvcast([...words, "--count", "5"]));
      assert.equal(tail.code, 0, tail.err);
    } else if (name === "doctor") {
      // The ports that it looks at may be taken on this machine.
      const doctor = await end(startKvcast(words));
      assert.ok(doctor.code === 0 || doctor.code === 10, doctor.err);
      assert.match(doctor.out, command.includes("--publisher") ? /publisher/ : /engine0.*reachable/);
    } else if (name === "check") {
      const check = await end(startKvcast(words));
      assert.equal(check.code, 0, check.out + check.err);
    } else {
      assert.equal(await runIn(folder, command), 0, command);
    }
  }
  assert.ok(run >= 13, `${run} commands were run`);
  for (const file of ["prometheus.yml", "rules/kvcast.yml", "dashboards"])
    assert.ok(existsSync(path.join(folder, file)));
});
