/** The value types of options: what they accept, what they become, and what they say when they refuse. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bindHost, listenPort, systemPort } from "../../src/main/config/listen-types.ts";
import type { Place, ValueType } from "../../src/main/config/option-spec.ts";
import { bytes, decimal, fileName, integer, oneOf, orWord, seconds } from "../../src/main/config/value-types.ts";
import { shortText, sizeText } from "../../src/main/config/value-types.ts";
import { isLocalEndpoint, zmqEndpoint } from "../../src/main/config/zmq-endpoint.ts";
import { ConfigError, EXIT } from "../../src/shared/errors.ts";

const PLACE: Place = { label: "HERE (--there)", option: "HERE" };

function accepts<T>(type: ValueType<T>, cases: readonly (readonly [string, T])[]): void {
  for (const [text, value] of cases) assert.equal(type.parse(text, PLACE), value, text);
}

/** Every refusal names the place, the value and what is allowed. */
function refuses(type: ValueType<unknown>, texts: readonly string[], allowed: string): void {
  for (const text of texts) {
    assert.throws(
      () => type.parse(text, PLACE),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError, `${text}: ${String(error)}`);
        assert.equal(error.exitCode, EXIT.badConfig);
        assert.equal(error.option, "HERE");
        assert.equal(error.message, `HERE (--there): ${JSON.stringify(text)} is not allowed; it takes ${allowed}`);
        return true;
      },
      `${JSON.stringify(text)} was accepted`,
    );
  }
}

test("whole numbers are decimal digits in a range", () => {
  const type = integer({ min: 1, max: 65_536, unit: "tokens" });
  accepts(type, [
    ["1", 1],
    ["65536", 65_536],
    [" 32 ", 32],
    ["007", 7],
  ]);
  const bad = ["", " ", "0", "65537", "-1", "+1", "1.0", "1e3", "0x10", "1_000", "32 tokens", "Infinity", "NaN", "٣"];
  refuses(type, bad, "a whole number of tokens from 1 to 65536");
  const zero = integer({ min: -5, max: 5 }).parse("-0", PLACE);
  assert.ok(Object.is(zero, 0), "-0 is 0");
});

test("numbers with a fraction, and seconds as milliseconds", () => {
  accepts(decimal({ min: 0, max: 1 }), [
    ["0.2", 0.2],
    ["1", 1],
    ["0", 0],
  ]);
  refuses(decimal({ min: 0, max: 1 }), ["1.1", ".5", "5.", "-0.1", "1e-3", ""], "a number from 0 to 1");
  accepts(seconds(0.1, 3600), [
    ["0.1", 100],
    ["30", 30_000],
    ["0.2345", 235],
  ]);
  refuses(seconds(0.1, 3600), ["0", "30s", "3600.1"], "a number of seconds from 0.1 to 3600");
});

test("sizes take binary suffixes and round up to whole units", () => {
  const type = bytes(4096, 1024 ** 3, 128);
  accepts(type, [
    ["4096", 4096],
    ["4097", 4224],
    ["96KiB", 98_304],
    ["96k", 98_304],
    ["1 MiB", 1_048_576],
    ["1Mi", 1_048_576],
    ["1GIB", 1_073_741_824],
  ]);
  // The second value is 10^6 for some and 2^20 for others.
  const bad = ["4095", "1MB", "1073741825", "2GiB", "1.5MiB", "5iB", "MiB", "-4096", "1TiB", ""];
  refuses(type, bad, "a number of bytes from 4 KiB to 1 GiB, plain or with KiB, MiB or GiB");
  assert.equal(sizeText(1536), "1536");
  assert.equal(sizeText(98_304), "96 KiB");
});

test("words, texts and file names", () => {
  accepts(oneOf(["text", "json"] as const), [["json", "json"]]);
  refuses(oneOf(["text", "json"] as const), ["JSON", "", "jso"], "one of text, json");
  accepts<number | null>(orWord(integer({ min: 1, max: 9 }), "none", null), [
    ["none", null],
    ["9", 9],
  ]);
  refuses(orWord(integer({ min: 1, max: 9 }), "none", null), ["0", "None"], "a whole number from 1 to 9, or none");
  accepts(shortText("T", 4), [
    ["", ""],
    [" é ", " é "],
  ]);
  refuses(shortText("T", 4), ["ééé"], "text of at most 4 bytes");
  refuses(fileName, ["", " ", "a\0b"], "the name of a file");
});

test("a message never becomes long or breaks its line, whatever the value is", () => {
  const long = `${"x".repeat(5000)}\n\u001B[31m`;
  assert.throws(
    () => integer({ min: 0, max: 1 }).parse(long, PLACE),
    (error: unknown) =>
      error instanceof ConfigError && error.message.length < 300 && /^[\x20-\x7e…]+$/.test(error.message),
  );
  assert.throws(() => integer({ min: 0, max: 1 }).parse("1\n\u001B[31m", PLACE), { message: /"1\\n\\u001b\[31m"/ });
});

test("ports and hosts", () => {
  accepts<number | null>(systemPort, [
    ["8081", 8081],
    ["65535", 65_535],
    ["0", 0],
    ["-1", null],
    ["-32768", null],
  ]);
  const allowed = "a port from 1 to 65535, 0 for any free one, or -1 for no HTTP server";
  refuses(systemPort, ["65536", "100000", "off", "", "8081.0", "--1", "-0"], allowed);
  accepts(listenPort, [
    ["0", 0],
    ["8000", 8000],
  ]);
  refuses(listenPort, ["-1", "65536", ""], "a port from 1 to 65535, or 0 for any free one");
  accepts(bindHost, [
    ["127.0.0.1", "127.0.0.1"],
    ["[::1]", "::1"],
    ["::", "::"],
    ["node-1.example", "node-1.example"],
  ]);
  const hosts = "an IP address or host name without scheme and port, for example 127.0.0.1 or 0.0.0.0";
  refuses(bindHost, ["", "*", "http://h", "h:80", "127.0.0", "a b", "-h"], hosts);
});

test("ZMQ endpoints", () => {
  accepts<string | null>(zmqEndpoint, [
    ["none", null],
    ["tcp://127.0.0.1:20081", "tcp://127.0.0.1:20081"],
    ["tcp://127.0.0.1:1", "tcp://127.0.0.1:1"],
    ["tcp://127.0.0.1:65535", "tcp://127.0.0.1:65535"],
    ["tcp://127.0.0.1:0", "tcp://127.0.0.1:*"],
    ["tcp://127.0.0.1:*", "tcp://127.0.0.1:*"],
    ["tcp://*:20081", "tcp://*:20081"],
    ["tcp://eth0:5", "tcp://eth0:5"],
    ["tcp://[::1]:5", "tcp://[::1]:5"],
    ["ipc:///run/kvcast.sock", "ipc:///run/kvcast.sock"],
    [`ipc://${"p".repeat(107)}`, `ipc://${"p".repeat(107)}`],
  ]);
  const allowed = "tcp://host:port with a port from 1 to 65535 (or 0 or * for any free one), ipc://path, or none";
  refuses(
    zmqEndpoint,
    [
      "",
      "off",
      "tcp://127.0.0.1",
      "tcp://127.0.0.1:",
      "tcp://127.0.0.1:65536",
      "tcp://127.0.0.1:-1",
      "tcp://:20081",
      "tcp://256.0.0.1:5",
      "tcp://::1:5",
      "tcp://[127.0.0.1]:5",
      "tcp://h:5/x",
      "tcp://a b:5",
      "inproc://x",
      "ipc://",
    ],
    allowed,
  );
  for (const [text, meant] of [
    ["udp://h:5", "tcp://h:5"],
    ["127.0.0.1:20081", "tcp://127.0.0.1:20081"],
    ["/run/kvcast.sock", "ipc:///run/kvcast.sock"],
  ] as const) {
    const message = `HERE (--there): "${text}" is not allowed (did you mean ${meant}?); it takes ${allowed}`;
    assert.throws(() => zmqEndpoint.parse(text, PLACE), { message });
  }
  assert.throws(() => zmqEndpoint.parse(`ipc://${"p".repeat(108)}`, PLACE), {
    message: /108 bytes long.*may have 107/,
  });
});

test("which endpoints only this machine can reach", () => {
  for (const local of ["ipc://x", "tcp://127.0.0.1:1", "tcp://127.9.9.9:1", "tcp://[::1]:1", "tcp://localhost:*"]) {
    assert.ok(isLocalEndpoint(local), local);
  }
  for (const open of ["tcp://*:1", "tcp://0.0.0.0:1", "tcp://10.0.0.1:1", "tcp://[::]:1", "tcp://127.example:1"]) {
    assert.ok(!isLocalEndpoint(open), open);
  }
});
