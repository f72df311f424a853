/** The list of ZMQ clients under files that are none, and a file system that does not answer. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { AllowFile, readAllowFile } from "../../src/main/curve/allow-file.ts";
import { within } from "../support/fault/deadline.ts";
import { requireTool } from "../support/tools.ts";

const KEY = "ab".repeat(32);
const OTHER = "cd".repeat(32);
const LIMIT_MS = 10_000;
/** As many threads as Node has for files. */
const FILE_THREADS = 4;

function listIn(t: TestContext) {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-allow-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "clients");
  writeFileSync(file, `${KEY}\n`);
  const bad: string[] = [];
  const list = new AllowFile(
    { file, place: { label: "the list", option: "list" } },
    { onRead: () => {}, onBad: (reason) => void bad.push(reason) },
  );
  t.after(() => list.close());
  const has = (key: string): Promise<boolean> => within("an answer of the list", LIMIT_MS, list.has(key));
  return { folder, file, bad, has };
}

/** Null where nobody can make one. */
function fifo(t: TestContext, folder: string): string | null {
  const file = path.join(folder, "pipe");
  const mkfifo = requireTool(t, "mkfifo");
  if (mkfifo === null) return null;
  execFileSync(mkfifo, [file]);
  return file;
}

test("a pipe in place of the list changes nothing, and is no list to begin with", async (t) => {
  const { folder, file, bad, has } = listIn(t);
  const pipe = fifo(t, folder);
  if (pipe === null) return;
  assert.throws(
    () => readAllowFile({ file: pipe, place: { label: "the list", option: "list" } }),
    /it is no regular file/,
  );
  renameSync(pipe, file);
  assert.equal(await has(KEY), true);
  assert.equal(await has(OTHER), false);
  assert.deepEqual(bad, ["it is no regular file"]);
});

test("files that cannot be looked at: the list from before is in force, told once; later the new one is", async (t) => {
  const { folder, file, bad, has } = listIn(t);
  const pipe = fifo(t, folder);
  if (pipe === null) return;
  const stuck = Array.from({ length: FILE_THREADS }, () => open(pipe));
  const freed = Promise.all(stuck);
  t.after(async () => {
    for (const handle of await freed) await handle.close();
  });
  writeFileSync(file, `${OTHER} somebody else\n`);
  try {
    const asked = [KEY, OTHER, KEY].map((key) => has(key));
    assert.deepEqual(await Promise.all(asked), [true, false, true]);
    const again = async (): Promise<boolean[]> => [await has(KEY), await has(KEY), await has(KEY)];
    const told = await within("nobody waits again for what is known to be stuck", 2000, again());
    assert.deepEqual(told, [true, true, true]);
    assert.deepEqual(bad, ["it could not be read within 1000 ms"]);
  } finally {
    // Who writes stays until all have opened.
    const writer = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    await freed;
    closeSync(writer);
  }
  // The look that was stuck goes on by itself.
  const endMs = performance.now() + LIMIT_MS;
  while (!(await has(OTHER)) && performance.now() < endMs) await new Promise(setImmediate);
  assert.equal(await has(OTHER), true);
  assert.equal(await has(KEY), false);
});
