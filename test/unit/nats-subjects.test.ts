/** Subjects: whatever a name holds, it stays one segment; and which patterns hold which subjects. */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import {
  eventSubject,
  isCovered,
  planeSubject,
  streamSubject,
  subjectSegment,
  workerSubject,
} from "../../src/shared/nats-subjects.ts";

const PLACE = { namespace: "a.b c", component: "näme*>", endpoint: "gen_1-x", workerId: 2n ** 64n - 1n };

test("all but letters, digits, _ and - is percent-encoded, byte by byte", () => {
  assert.equal(subjectSegment("Az09_-"), "Az09_-");
  assert.equal(subjectSegment("a.b c*>%"), "a%2Eb%20c%2A%3E%25");
  assert.equal(subjectSegment("ä€"), "%C3%A4%E2%82%AC");
});

test("a segment holds nothing that means something in a subject, and says what went in", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (name) => {
      const segment = subjectSegment(name);
      assert.match(segment, /^[\w%-]*$/u);
      assert.equal(decodeURIComponent(segment), name);
    }),
  );
});

test("subjects of the event plane and of the raw encoding", () => {
  const plane = "namespace.a%2Eb%20c.component.n%C3%A4me%2A%3E.endpoint.gen_1-x";
  assert.equal(planeSubject(PLACE, "kv_metrics"), `${plane}.kv_metrics`);
  assert.equal(eventSubject(PLACE, "dynamo", 5), `${plane}.kv-events`);
  assert.equal(eventSubject(PLACE, "raw", 5), "kvcast.a%2Eb%20c.n%C3%A4me%2A%3E.18446744073709551615.5");
});

test("a stream that is made holds what this worker publishes, and what another one does", () => {
  for (const encoding of ["dynamo", "raw"] as const) {
    for (const workerId of [PLACE.workerId, 1n]) {
      const place = { ...PLACE, workerId };
      assert.ok(isCovered(streamSubject(PLACE, encoding), workerSubject(place, encoding)));
      for (const rank of [0, 17]) {
        assert.ok(isCovered(workerSubject(place, encoding), eventSubject(place, encoding, rank)));
      }
    }
  }
});

test("which patterns cover which subjects", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["a.b", "a.b", true],
    ["a.b", "a.c", false],
    ["a.b", "a", false],
    ["a", "a.b", false],
    ["a.*", "a.b", true],
    ["a.*", "a.*", true],
    ["a.b", "a.*", false],
    ["a.*", "a.>", false],
    ["a.*", "a.b.c", false],
    ["a.>", "a.b.c", true],
    ["a.>", "a.*.c", true],
    ["a.>", "a.>", true],
    ["a.>", "a", false],
    [">", "a", true],
    ["*.b", "a.b", true],
  ];
  for (const [pattern, subject, covered] of cases) {
    assert.equal(isCovered(pattern, subject), covered, `${pattern} ${subject}`);
  }
});
