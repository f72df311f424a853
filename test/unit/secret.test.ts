/** Secrets show themselves only to who asks for them, and URLs lose their user names and passwords before they are shown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { format, inspect } from "node:util";
import * as fc from "fast-check";
import { CONSOLIDATE_OPTION_LIST } from "../../src/main/config/consolidate-options.ts";
import { INDEX_OPTION_LIST } from "../../src/main/config/index-options.ts";
import { SERVE_OPTION_LIST } from "../../src/main/config/options.ts";
import { quoted } from "../../src/main/config/option-spec.ts";
import { messageOf } from "../../src/shared/errors.ts";
import { MASK, Secret, withoutUserinfo } from "../../src/shared/secret.ts";

test("whatever prints a secret prints its mask", () => {
  const secret = new Secret("hunter2");
  const holder = { inside: { secret, list: [secret] } };
  const shown = [
    String(secret),
    JSON.stringify(holder),
    inspect(holder, { depth: null, showHidden: true }),
    format("%s %o %O %j", secret, holder, holder, holder),
    Object.entries(secret).join(),
    JSON.stringify(structuredClone(holder)),
  ];
  for (const text of shown) assert.ok(!text.includes("hunter2"), text);
  for (const text of shown.slice(0, 3)) assert.ok(text.includes(MASK), text);
  assert.equal(secret.reveal(), "hunter2");
});

test("URLs are shown without user names, passwords and queries of servers, and nothing else changes", () => {
  assert.equal(withoutUserinfo("nats://kv:hunter2@host:4222"), "nats://***@host:4222");
  assert.equal(withoutUserinfo("a=tcp://u:p@x@h/path?q=a@b"), "a=tcp://***@h/path?q=a@b");
  assert.equal(
    withoutUserinfo("http://h/path?key=w0rd,https://i#f http://j"),
    "http://h/path?***,https://i#*** http://j",
  );
  assert.equal(withoutUserinfo("nats://a:hunter2@h,tls://b:hunter2@i"), "nats://***@h,tls://***@i");
  assert.equal(withoutUserinfo("me@example.org"), "me@example.org");
  assert.equal(quoted("http://u:hunter2@h"), '"http://***@h"');
  const word = fc.stringMatching(/^[A-Za-z0-9._~:@%!$&()*+;=-]{1,20}$/);
  fc.assert(
    fc.property(word, fc.domain(), (userinfo, host) => {
      assert.equal(withoutUserinfo(`see http://${userinfo}@${host}/x`), `see http://***@${host}/x`);
    }),
  );
});

test("no option repeats the password of a URL that it refuses", () => {
  const lists = [...SERVE_OPTION_LIST, ...CONSOLIDATE_OPTION_LIST, ...INDEX_OPTION_LIST];
  const types = new Set(lists.map(({ type }) => type));
  const place = { label: "--x", option: "--x" };
  const urls = ["http", "https", "nats", "tls", "tcp", "zmq+tcp", "ftp"].map((scheme) => `${scheme}://u:hunter2@h:1`);
  let refusals = 0;
  for (const type of types) {
    for (const url of [...urls, "name=http://u:hunter2@h:1", "1=tcp://u:hunter2@h:1", "u:hunter2@h:1"]) {
      try {
        type.parse(url, place);
      } catch (error) {
        refusals++;
        // Without a scheme it is no URL, and nobody can know that it is meant as one; where one is expected, it is masked.
        if (url.includes("://")) assert.ok(!messageOf(error).includes("hunter2"), messageOf(error));
      }
    }
  }
  assert.ok(refusals > 100, `${refusals}`);
});

test("no option takes a secret: what holds one is named by a file", () => {
  for (const { name } of [...SERVE_OPTION_LIST, ...CONSOLIDATE_OPTION_LIST, ...INDEX_OPTION_LIST]) {
    if (!/password|secret|seed|nkey|creds|credential|token(?!-id|s$|-offset)|-key\b|header/.test(name)) continue;
    assert.match(name, /-file$/, `--${name}`);
  }
});
