/** Keys, files of secret keys, and lists of clients: what is a key, who may read it, and which lines count. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { assert as check, property, uint8Array } from "fast-check";
import { curveKeyPair } from "zeromq";
import { AllowListError, parseAllowList } from "../../src/main/curve/allow-list.ts";
import { keyPairOf, newKeyPair } from "../../src/main/curve/key-pair.ts";
import { accessFault, readSecretKeyFile } from "../../src/main/curve/secret-key-file.ts";
import { keyFromText, keyFromZ85, keyToZ85 } from "../../src/main/curve/z85.ts";

const folder = mkdtempSync(path.join(tmpdir(), "kvcast-keys-"));
after(() => rmSync(folder, { recursive: true }));

/** The key pair of libzmq's own manual, in both ways of writing it. */
const PUBLIC = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
const SECRET = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";
const PUBLIC_HEX = "bb88471d65e2659b30c55a5321cebb5aab2b70a398645c26dca2b2fcb43fc518";

test("keys as text: those of libzmq's manual, and any 32 bytes there and back", () => {
  assert.equal(keyFromZ85(PUBLIC)?.toString("hex"), PUBLIC_HEX);
  assert.equal(keyToZ85(Buffer.from(PUBLIC_HEX, "hex")), PUBLIC);
  assert.deepEqual(keyFromText(PUBLIC_HEX.toUpperCase()), keyFromText(PUBLIC));
  check(
    property(uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const key = Buffer.from(bytes);
      assert.deepEqual(keyFromZ85(keyToZ85(key)), key);
    }),
  );
  for (const bad of ["", PUBLIC.slice(1), `${PUBLIC}0`, `${PUBLIC.slice(1)},`, "#".repeat(40), "ab".repeat(31)]) {
    assert.equal(keyFromText(bad), null, bad);
  }
});

test("the public key follows from the secret one, as libzmq makes them", () => {
  assert.deepEqual(keyPairOf(SECRET), { publicKey: PUBLIC, secretKey: SECRET });
  for (let i = 0; i < 20; i++) {
    const theirs = curveKeyPair();
    assert.deepEqual(keyPairOf(theirs.secretKey), theirs);
    const ours = newKeyPair();
    assert.deepEqual(keyPairOf(ours.secretKey), ours);
    assert.match(ours.publicKey, /^[0-9A-Za-z]/);
  }
});

test("the file of a secret key: who may read it, and what must stand in it", () => {
  const place = { label: "--key-file", option: "--key-file" };
  const write = (content: string, mode: number = 0o600): string => {
    const file = path.join(folder, "key");
    writeFileSync(file, content);
    chmodSync(file, mode);
    return file;
  };
  assert.equal(readSecretKeyFile({ file: write(`${SECRET}\n`), place }).publicKey, PUBLIC);
  const fails = (file: string, words: RegExp): void => {
    assert.throws(
      () => readSecretKeyFile({ file, place }),
      (error: Error & { readonly code?: string }) => {
        assert.equal(error.code, "KVCAST_BAD_CONFIG");
        assert.match(error.message, words);
        assert.ok(!error.message.includes(SECRET.slice(0, 12)), "the secret is repeated");
        return true;
      },
    );
  };
  fails(path.join(folder, "nowhere"), /--key-file: cannot read the file.*ENOENT/);
  fails(write(SECRET.slice(1)), /holds no secret CURVE key.*kvcast keygen/);
  fails(write(`${SECRET}\n${SECRET}`), /holds no secret CURVE key/);
  fails(write(SECRET.repeat(10)), /larger than 256 bytes/);
  fails(write(SECRET, 0o640), /can be read by others \(mode 0640\); run chmod 600/);
  fails(write(SECRET, 0o604), /can be read by others/);
  // Kubernetes mounts secrets as root's, readable by the group of the pod.
  assert.equal(accessFault(0o440, 0, 1000), null);
  assert.match(accessFault(0o444, 0, 1000) ?? "", /can be read by everyone/);
  assert.match(accessFault(0o460, 0, 1000) ?? "", /written by a group/);
  assert.match(accessFault(0o600, 1001, 1000) ?? "", /belongs to another user/);
});

test("the list of clients: keys in both ways of writing, comments, and no half lists", () => {
  const other = curveKeyPair().publicKey;
  const list = `\uFEFF# routers\n\n${PUBLIC} router-a  # the first\r\n  ${PUBLIC_HEX}\n#${other}\n${other}\n`;
  assert.deepEqual([...parseAllowList(list)], [PUBLIC_HEX, keyFromZ85(other)?.toString("hex")]);
  assert.equal(parseAllowList("").size, 0);
  // What a line of a comment looks like is no key: none begins with its sign.
  assert.equal(parseAllowList(`#${"0".repeat(39)}\n`).size, 0);
  assert.equal(keyFromZ85(`#${"0".repeat(39)}`), null);
  for (const bad of ["router-a", `${PUBLIC}0`, `${PUBLIC}\nx\n`]) {
    assert.throws(() => parseAllowList(bad), AllowListError, bad);
  }
  assert.throws(() => parseAllowList(`${PUBLIC}\n\nKEY\n`), /line 3 does not begin with a public key/);
  const many = Array.from({ length: 10_001 }, (_, i) => i.toString(16).padStart(64, "0")).join("\n");
  assert.throws(() => parseAllowList(many), /line 10001: more than 10000 keys/);
});
