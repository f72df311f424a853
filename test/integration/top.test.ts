/** `kvcast top` in a real terminal (tmux), and once for programs. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { freePort } from "../../bench/support/free-port.ts";
import { end, KVCAST, startKvcast } from "../support/cli-process.ts";
import { eventually } from "../support/fault/deadline.ts";
import { serve } from "../support/processes.ts";
import { temporaryDirectory } from "../support/recorded.ts";
import { requireTool } from "../support/tools.ts";

const LIMIT = { timeout: 120_000 };
const PATIENCE_MS = 40_000;
const ENGINE = "--engine synthetic:?rate=200";

/** A terminal with a shell in it. */
class Terminal {
  readonly #tmux: string;
  readonly #socket: string;

  constructor(t: TestContext, tmux: string, directory: string) {
    this.#tmux = tmux;
    this.#socket = path.join(directory, "s");
    // A shell that says nothing of its own, whose prompt is known.
    this.run("-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "40", "env -i TERM=screen PS1='$ ' /bin/sh");
    // By its number: the directory with its socket may be gone before it.
    const pid = Number(this.run("display-message", "-p", "#{pid}"));
    t.after(() => process.kill(pid, "SIGKILL"));
  }

  run(...args: readonly string[]): string {
    const { stdout, stderr, status } = spawnSync(this.#tmux, ["-S", this.#socket, "-u", ...args], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return stdout;
  }

  type(line: string): void {
    this.run("send-keys", "-l", line);
    this.run("send-keys", "Enter");
  }

  key(key: string): void {
    this.run("send-keys", key);
  }

  /** The screen once it looks so. `codes`: with its colours. */
  async until(pattern: RegExp, codes: boolean = false): Promise<string> {
    let seen = "";
    const look = (): string | null => {
      seen = this.run("capture-pane", "-p", ...(codes ? ["-e"] : []));
      return pattern.test(seen) ? seen : null;
    };
    return eventually(`${String(pattern)} on the screen`, PATIENCE_MS, look).catch((error: unknown) => {
      throw new Error(`it shows:\n${seen}`, { cause: error });
    });
  }

  /** Whether the terminal is as a shell leaves it: its first screen, a cursor, and echo. */
  async isGivenBack(code: number): Promise<void> {
    await this.until(new RegExp(`over ${code}$`, "m"));
    const flags = this.run("display-message", "-p", "#{alternate_on} #{cursor_flag}");
    assert.equal(flags.trim(), "0 1");
    this.type("stty -a | grep -o ' -*echo ' | tr -d ' ' | sed 's/^/tty:/'");
    await this.until(/^tty:echo$/m);
    this.type("clear");
    await this.until(/^\$\s*$/);
  }
}

test("top shows a service, follows a resize and a restart, pauses, and gives the terminal back", LIMIT, async (t) => {
  const tmux = requireTool(t, "tmux");
  if (tmux === null) return;
  const directory = await temporaryDirectory(t);
  const terminal = new Terminal(t, tmux, directory);
  const pidFile = path.join(directory, "pid");
  const first = await serve(t, ENGINE);
  const { url } = first.facts;
  const top = `${process.execPath} ${KVCAST} top ${url}`;

  terminal.type(`${top}; echo over $?`);
  const shown = await terminal.until(/Engines +ok[\s\S]*events\/s in .*\d[\s\S]* stored /);
  assert.match(shown, /^kvcast \S+ {2}127\.0\.0\.1:\d+ {2}ready {2}up /);
  assert.match(shown, /q quit {3}p pause\s*$/);
  const coloured = await terminal.until(/\[32mready/, true);
  assert.doesNotMatch(coloured, /\[31m/);

  terminal.run("resize-window", "-x", "60", "-y", "12");
  const small = await terminal.until(/^kvcast[\s\S]*q quit {3}p pause\s*$/);
  assert.equal(small.trimEnd().split("\n").length, 12);
  terminal.run("resize-window", "-x", "120", "-y", "40");
  await terminal.until(/ stored [\s\S]*q quit/);

  terminal.key("p");
  await terminal.until(/PAUSED/);
  terminal.key("p");
  await terminal.until(/^(?!.*PAUSED)kvcast/);

  first.child.kill("SIGKILL");
  await first.exit;
  await terminal.until(/AWAY[\s\S]*trying again/);
  await serve(t, `${ENGINE} --system-port ${new URL(url).port}`);
  await terminal.until(/^(?!.*AWAY).* ready [\s\S]*Engines +ok/);
  terminal.key("q");
  await terminal.isGivenBack(0);

  // Without colours; and ended from outside.
  terminal.type(`NO_COLOR=1 sh -c 'echo $$ > ${pidFile}; exec ${top}'; echo over $?`);
  await terminal.until(/Engines +ok/);
  assert.doesNotMatch(await terminal.until(/ready/, true), /\[3[123]m/);
  process.kill(Number(await readFile(pidFile, "utf8")), "SIGTERM");
  await terminal.isGivenBack(0);
  terminal.type(`${top}; echo over $?`);
  await terminal.until(/Engines +ok/);
  terminal.key("C-c");
  await terminal.isGivenBack(0);
});

test("--once prints how it is, for people and for programs; nobody there is exit code 69", LIMIT, async (t) => {
  const { facts } = await serve(t, ENGINE);
  const [text, json] = await Promise.all([
    end(startKvcast(["top", facts.url, "--once"])),
    end(startKvcast(["top", facts.url, "--once", "--json"])),
  ]);
  assert.equal(text.code, 0, text.err);
  assert.match(text.out, /^kvcast {2}127\.0\.0\.1:\d+ {2}/);
  assert.match(text.out, /^stage +state[\s\S]*^Engines +/m);
  assert.ok(!text.out.includes("\u001B"));
  assert.equal(json.code, 0, json.err);
  const { version, stages } = JSON.parse(json.out) as { version: number; stages: readonly { id: string }[] };
  assert.equal(version, 1);
  assert.equal(stages[0]?.id, "engine");

  const cases: readonly [readonly string[], number, RegExp][] = [
    [["top", `http://127.0.0.1:${await freePort()}`, "--once"], 69, /cannot be reached \(ECONNREFUSED\)/],
    [["top", facts.url], 78, /needs a terminal; kvcast top --once/],
    [["top", facts.url, "--json"], 78, /--json: it needs --once/],
    [["top", `${facts.url}/nothing`, "--once"], 69, /no live view here/],
  ];
  for (const [args, code, message] of cases) {
    const ended = await end(startKvcast(args));
    assert.equal(ended.code, code, ended.err);
    assert.match(ended.err, message);
  }
});
