/** An option that names a file which cannot be read says which option, which file, what is wrong, and what to do. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { loadServeConfig } from "../../src/main/config/load.ts";
import { SERVE_OPTION_LIST } from "../../src/main/config/options.ts";
import { fileName } from "../../src/main/config/value-types.ts";
import { fileTrouble } from "../../src/main/file-trouble.ts";
import { ConfigError } from "../../src/shared/errors.ts";

/** What an option has no effect without. */
const COMPANIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "engine-client-cert-file": { "engine-client-key-file": path.resolve("test/fixtures/tls/ca.pem") },
  "engine-client-key-file": { "engine-client-cert-file": path.resolve("test/fixtures/tls/ca.pem") },
  "nats-client-cert-file": { "nats-client-key-file": path.resolve("test/fixtures/tls/ca.pem") },
  "nats-client-key-file": { "nats-client-cert-file": path.resolve("test/fixtures/tls/ca.pem") },
  "zmq-curve-secret-key-file": { "zmq-curve-allow-file": "any" },
  "cluster-curve-secret-key-file": { "cluster-leader": "tcp://127.0.0.1:1" },
};
/** Read for publishers only, by another command than this. */
const UNREAD: ReadonlySet<string> = new Set(["zmq-curve-client-key-file"]);
const NATS = { sink: "both", "worker-id": "1", "nats-url": "tls://nats:4222" };

async function refusalOf(option: string, file: string): Promise<string> {
  const given = { engine: "https://engine:8000", ...NATS, ...COMPANIONS[option], [option]: file };
  try {
    await loadServeConfig(new Map(Object.entries(given).map(([name, value]) => [name, [value]])), {});
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return assert.fail(`--${option} took ${file}`);
}

test("each option of serve that names a file", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-files-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const absent = path.join(folder, "absent");
  const below = path.join(folder, "plain", "x");
  writeFileSync(path.join(folder, "plain"), "");
  const names = SERVE_OPTION_LIST.filter(({ type }) => type === fileName).map(({ name }) => name);
  const read = names.filter((name) => name.endsWith("-file") && !UNREAD.has(name));
  assert.ok(read.length >= 12, read.join(" "));
  for (const option of [...read, "config"]) {
    for (const [file, words] of [
      [absent, `there is no ${absent}; check the name`],
      [folder, `${folder} is a directory; name a file in it`],
      [below, `a part of ${below} that should be a folder is a file; check the name`],
    ] as const) {
      const said = await refusalOf(option, file);
      assert.ok(said.startsWith(`--${option}: `) && said.includes(words), said);
    }
  }
});

const of = (code: string): Error => Object.assign(new Error(`${code}: says Node`), { code });

test("what the system says is kept, with what to do about it", () => {
  assert.match(
    fileTrouble(of("EACCES"), "/etc/key", "read"),
    /^EACCES, .*may not read \/etc\/key; change its owner or mode, or those of the folders above it$/,
  );
  assert.match(fileTrouble(of("EPERM"), "/etc/key", "write"), /^EPERM, .*may not write \/etc\/key; /);
  assert.equal(fileTrouble(of("ENOENT"), "/a/b", "write"), "ENOENT, there is no folder /a; make it, or name another");
  assert.ok(fileTrouble(of("ENOENT"), "b.yml", "read").includes(`there is no b.yml in ${process.cwd()}; `));
  assert.match(fileTrouble(of("EROFS"), "/a", "write"), /takes no writes; name one elsewhere$/);
  assert.match(fileTrouble(of("ENOSPC"), "/a", "write"), /no room left .*; make some/);
  assert.equal(fileTrouble(of("EXOTIC"), "/a", "read"), "EXOTIC: says Node");
  assert.equal(fileTrouble("a text", "/a", "read"), "a text");
});
