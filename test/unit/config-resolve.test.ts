/** Options that may be given more than once: all values of one place, in order, each with its place. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Environment, flagPlace, MissingOptionError, type Repeatable } from "../../src/main/config/option-spec.ts";
import { type FileEntries, Resolver } from "../../src/main/config/resolve.ts";
import { integer } from "../../src/main/config/value-types.ts";

const NUMBERS: Repeatable<number> = {
  name: "number",
  type: integer({ min: 0, max: 99 }),
  env: [{ name: "NUMBERS" }, { name: "OLD_NUMBERS" }],
  group: "Test",
  repeatable: true,
  help: "Numbers.",
};
const FILE: FileEntries = new Map([
  ["number", [8, 9].map((n) => ({ text: String(n), place: flagPlace(`file ${n}`) }))],
]);

function resolver(flags: readonly string[], env: Environment = {}, file: FileEntries = new Map()): Resolver {
  return new Resolver({ flags: new Map(flags.length === 0 ? [] : [["number", flags]]), env, file });
}

test("all values of the first place that has any, never of two places", () => {
  const env = { NUMBERS: " 3  4\n5\t6 ", OLD_NUMBERS: "7" };
  for (const [given, values, origin, labels] of [
    [resolver(["2", "1", "2"], env, FILE), [2, 1, 2], "flag", ["--number"]],
    [resolver([], env, FILE), [3, 4, 5, 6], "env", ["NUMBERS (--number)"]],
    [resolver([], { ...env, NUMBERS: "  " }, FILE), [7], "env", ["OLD_NUMBERS (--number)"]],
    [resolver([], {}, FILE), [8, 9], "file", ["--file 8", "--file 9"]],
    [resolver([]), [], "default", []],
  ] as const) {
    const all = given.all(NUMBERS);
    assert.deepEqual(
      all.map(({ value }) => value),
      values,
    );
    assert.deepEqual([...new Set(all.map(({ place }) => place.label))], labels);
    assert.equal(given.origins.get("number"), origin);
  }
});

test("one value is enough where one must be given; a bad one is named with its place", () => {
  assert.deepEqual(resolver(["2"]).requireAll(NUMBERS), [{ value: 2, place: flagPlace("number") }]);
  assert.throws(
    () => resolver([]).requireAll(NUMBERS),
    (error: unknown) => {
      assert.ok(error instanceof MissingOptionError);
      assert.match(error.message, /^--number is missing; .*NUMBERS, OLD_NUMBERS/);
      return true;
    },
  );
  assert.throws(() => resolver([], { NUMBERS: "1 x" }).all(NUMBERS), {
    message: /^NUMBERS \(--number\): "x" is not allowed/,
  });
});
