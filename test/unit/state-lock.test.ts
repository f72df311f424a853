/** Who may use a state directory. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { StateDirTakenError } from "../../src/shared/errors.ts";
import { StateLock } from "../../src/workers/state-lock.ts";
import { eventually } from "../support/fault/deadline.ts";

const HOLDER = fileURLToPath(new URL("../support/lock-holder.js", import.meta.url));

function newDirectory(t: TestContext): string {
  const root = mkdtempSync(path.join(tmpdir(), "kvcast-lock-"));
  t.after(() => rmSync(root, { recursive: true }));
  return path.join(root, "state");
}

/** Starts a program that ends up as a holder; resolves with the holder's number. */
async function holder(t: TestContext, program: string, args: readonly string[]): Promise<[number, ChildProcess]> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return [Number(line), child];
}

function assertTaken(directory: string, pid: number): void {
  const before = readdirSync(directory);
  assert.throws(
    () => StateLock.take(directory),
    (error) => error instanceof StateDirTakenError && error.pid === pid && error.message.includes(directory),
  );
  assert.deepEqual(readdirSync(directory), before, "nothing is left of the attempt");
}

test("one at a time, also within a process; what is released is free and in order", (t) => {
  const directory = newDirectory(t);
  const lock = StateLock.take(directory);
  assert.deepEqual([lock.wasInterrupted, lock.isHeld], [false, true]);
  assertTaken(directory, process.pid);
  lock.release();
  assert.deepEqual([lock.isHeld, readdirSync(directory)], [false, []]);
  assert.equal(StateLock.take(directory).wasInterrupted, false);
});

test("what is abandoned is free, and known to have been interrupted until somebody releases it", (t) => {
  const directory = newDirectory(t);
  StateLock.take(directory).abandon();
  const second = StateLock.take(directory);
  assert.equal(second.wasInterrupted, true);
  assert.equal(readdirSync(directory).length, 1, "marks do not pile up");
  second.abandon();
  const third = StateLock.take(directory);
  assert.equal(third.wasInterrupted, true);
  third.release();
  assert.equal(StateLock.take(directory).wasInterrupted, false);
});

test("a thread that follows a dead one has its lock, if there is one", (t) => {
  const directory = newDirectory(t);
  assert.equal(StateLock.inherit(directory), null);
  StateLock.take(directory);
  const lock = StateLock.inherit(directory);
  assert.deepEqual([lock?.isHeld, lock?.wasInterrupted], [true, true]);
});

test("a living process keeps others out, until it is dead", async (t) => {
  const directory = newDirectory(t);
  const [pid, child] = await holder(t, process.execPath, [HOLDER, directory]);
  assertTaken(directory, pid);
  child.kill("SIGKILL");
  await once(child, "exit");
  const lock = StateLock.take(directory);
  assert.deepEqual([lock.wasInterrupted, readdirSync(directory).length], [true, 1]);
});

const hasProc = existsSync("/proc/self/stat");

test("a dead process of which its parent takes no note keeps nobody out", { skip: !hasProc }, async (t) => {
  const directory = newDirectory(t);
  // The shell becomes a program that waits for no child.
  const script = '"$0" "$1" "$2" & exec sleep 60';
  const [pid] = await holder(t, "/bin/sh", ["-c", script, process.execPath, HOLDER, directory]);
  assertTaken(directory, pid);
  process.kill(pid, "SIGKILL");
  await eventually("it is dead", 5000, () =>
    /\) Z /u.test(readFileSync(`/proc/${pid}/stat`, "latin1")) ? true : null,
  );
  assert.equal(StateLock.take(directory).wasInterrupted, true);
});

test("a number that another process has by now keeps nobody out", { skip: !hasProc }, async (t) => {
  const directory = newDirectory(t);
  const [pid, child] = await holder(t, process.execPath, [HOLDER, directory]);
  const [mark = ""] = readdirSync(directory);
  child.kill("SIGKILL");
  await once(child, "exit");
  // The same mark with the number of a process that lives, but began at another time.
  rmSync(path.join(directory, mark));
  writeFileSync(path.join(directory, mark.replace(String(pid), String(process.ppid))), "");
  assert.equal(StateLock.take(directory).wasInterrupted, true);
});

test("marks that no process can have made count as interrupted runs", (t) => {
  for (const name of ["running", "running-0-x", "running-9999999999-x"]) {
    const directory = newDirectory(t);
    StateLock.take(directory).release();
    writeFileSync(path.join(directory, name), "");
    writeFileSync(path.join(directory, "unrelated"), "");
    const lock = StateLock.take(directory);
    lock.release();
    assert.ok(readdirSync(directory).includes("unrelated"));
  }
});

test("where no directory can be made it is said at once", { skip: !hasProc }, (t) => {
  const directory = newDirectory(t);
  writeFileSync(directory, "");
  assert.throws(() => StateLock.take(directory), /is there, and is no directory/);
  assert.throws(() => StateLock.take(path.join(directory, "below")), /ENOTDIR/);
  // The parent is there and takes none.
  assert.throws(() => StateLock.take("/proc/kvcast"), /ENOENT|EACCES|EROFS/);
});
