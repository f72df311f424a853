/** The page under `/` of a service that has no live page. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { rootRoute } from "../../src/main/http/root-route.ts";

test("it says what answers, and links to the rest; what a user chose is text, not markup", async () => {
  const route = rootRoute("kvcast consolidate", "A & B", {
    healthPath: '/"><script>',
    readyPath: "/ready",
    livePath: "/live",
  });
  assert.equal(route.path, "/");
  const request = { query: new URLSearchParams(), headers: {}, body: Buffer.alloc(0) };
  const { status, contentType, body, headers } = await route.handler(request);
  assert.deepEqual([status, contentType], [200, "text/html; charset=utf-8"]);
  const page = String(body);
  assert.match(page, /<h1>kvcast consolidate<\/h1>\n<p>A &amp; B<\/p>/);
  assert.match(page, /<a href="\/metrics">\/metrics<\/a> what it counts/);
  assert.match(page, /<a href="\/ready">.*\n.*<a href="\/live">/);
  assert.match(page, /<a href="\/&quot;&gt;&lt;script&gt;">/);
  assert.doesNotMatch(page, /<script/);
  assert.match(headers?.["Content-Security-Policy"] ?? "", /default-src 'none'/);
});
