/** What the canary asks an engine for, and which verdict each kind of answer gives, over real HTTP. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test, type TestContext } from "node:test";
import { Secret } from "../../src/shared/secret.ts";
import { CanaryClient, type CanaryClientOptions, type ProbeOutcome } from "../../src/main/health/canary-client.ts";
import { PROBE_HEADER, PROBE_USER } from "../../src/main/health/completion-request.ts";
import { type TrtllmPayloadOptions, TrtllmHealthCheckPayload } from "../../src/main/lib.ts";
import { type Answer, engineConfig, portOf, type ScriptedEngine, scriptedEngine } from "../support/scripted-engine.ts";

const CHOICE = '{"id":"c","object":"text_completion","choices":[{"index":0,"text":"x"}]}';
const PATIENCE_MS = 30_000;

function client(t: TestContext, url: URL, over: Partial<CanaryClientOptions> = {}): CanaryClient {
  const made = new CanaryClient({
    config: engineConfig(url, { headers: new Secret({ authorization: "Bearer b" }) }),
    timeoutMs: PATIENCE_MS,
    payload: () => payload({}),
    model: () => "m",
    bosTokenId: 1,
    ...over,
  });
  t.after(() => made.close());
  return made;
}

function payload(options: TrtllmPayloadOptions): Readonly<Record<string, unknown>> {
  return new TrtllmHealthCheckPayload({ env: {}, ...options }).toDict();
}

async function sent(t: TestContext, over: Partial<CanaryClientOptions>): Promise<ScriptedEngine> {
  const engine = await scriptedEngine(t, (response) => response.end(CHOICE));
  assert.equal(await client(t, engine.url, over).send(), "ok");
  return engine;
}

function bodyOf({ requests }: ScriptedEngine, n: number = 0): Record<string, unknown> {
  return JSON.parse(requests[n]?.body ?? "") as Record<string, unknown>;
}

const USUAL = {
  model: "m",
  prompt: [1],
  max_tokens: 1,
  stream: true,
  user: PROBE_USER,
  include_stop_str_in_output: false,
  ignore_eos: false,
  min_tokens: 0,
  temperature: 0,
  top_p: 1,
  top_k: 1,
  repetition_penalty: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  priority: 1,
};

test("one request of one token, marked, with what trtllm-serve knows and nothing else", async (t) => {
  const engine = await sent(t, {});
  const [request] = engine.requests;
  assert.ok(request);
  assert.deepEqual([request.method, request.url], ["POST", "/v1/completions"]);
  assert.deepEqual(bodyOf(engine), USUAL);
  const { headers } = request;
  assert.deepEqual(
    [headers[PROBE_HEADER], headers["content-type"], headers["authorization"]],
    ["1", "application/json", "Bearer b"],
  );
  assert.equal(Number(headers["content-length"]), request.bodyBytes);
});

test("a prefill or decode worker is asked to do both halves itself", async (t) => {
  for (const disaggregationMode of ["prefill", "decode"] as const) {
    const engine = await sent(t, { payload: () => payload({ disaggregationMode }) });
    assert.deepEqual(bodyOf(engine), {
      ...USUAL,
      disaggregated_params: { request_type: "context_and_generation" },
    });
  }
});

test("an override is sent as it says; what it leaves out is not made up, but for the prompt and the one token", async (t) => {
  const own = {
    token_ids: [7, 8],
    stop_conditions: { max_tokens: 3, stop: ["x"] },
    sampling_options: { seed: 5 },
    made_up: 1,
  };
  const given = await sent(t, { payload: () => own });
  assert.deepEqual(bodyOf(given), {
    model: "m",
    prompt: [7, 8],
    max_tokens: 3,
    stream: true,
    user: PROBE_USER,
    stop: ["x"],
    seed: 5,
  });
  const empty = await sent(t, { payload: () => ({ stop_conditions: 7 }), bosTokenId: 128_000 });
  assert.deepEqual(bodyOf(empty), { model: "m", prompt: [128_000], max_tokens: 1, stream: true, user: PROBE_USER });
});

test("an engine of before priorities is asked without one, at once and from then on", async (t) => {
  const engine = await scriptedEngine(t, (response, n) => {
    response.statusCode = n === 0 ? 400 : 200;
    response.end(CHOICE);
  });
  const canary = client(t, engine.url);
  assert.equal(await canary.send(), "ok");
  assert.equal(await canary.send(), "ok");
  assert.deepEqual(
    engine.requests.map((_, n) => bodyOf(engine, n)["priority"]),
    [1, undefined, undefined],
  );
  assert.equal(engine.maxInFlight, 1);
});

function says(body: string, status: number = 200): Answer {
  return (response) => {
    response.statusCode = status;
    response.end(body);
  };
}

const ANSWERS: readonly (readonly [what: string, answer: Answer, outcome: ProbeOutcome])[] = [
  ["a completion as a document", says(CHOICE), "ok"],
  ["a completion in pieces", says(`data: ${CHOICE}\n\ndata: [DONE]\n\n`), "ok"],
  ["with comments and other fields before it", says(`: hello\r\nevent: x\r\ndata: ${CHOICE}\r\n\r\n`), "ok"],
  ["good first, an error behind it: the first decides", says(`data: ${CHOICE}\n\ndata: {"error":{}}\n\n`), "ok"],
  ["an error first, good behind it", says(`data: {"error":{"message":"m"}}\n\ndata: ${CHOICE}\n\n`), "error_response"],
  ["an error as a document, with status 200", says('{"object":"error","message":"m"}'), "error_response"],
  ["no choices", says('{"choices":[]}'), "malformed"],
  ["a page", says("<html><body>hello</body></html>"), "malformed"],
  ["half a document", says('{"choices":[{"ind'), "malformed"],
  ["data that is no JSON", says("data: hello\n\n"), "malformed"],
  ["a list", says("data: [1]\n\n"), "malformed"],
  ["nothing", says(""), "no_response"],
  ["an end without a beginning", says("data: [DONE]\n\n"), "no_response"],
  ["status 500", says("", 500), "http_status"],
  ["status 400, twice", says(CHOICE, 400), "http_status"],
  ["a redirect", says("", 307), "http_status"],
  ["a hang-up", (response) => response.socket?.destroy(), "unreachable"],
  ["a response without end", (response) => response.write(`{${" ".repeat(70_000)}`), "malformed"],
];

for (const [what, answer, outcome] of ANSWERS) {
  test(`answer: ${what}: ${outcome}`, async (t) => {
    const engine = await scriptedEngine(t, answer);
    assert.equal(await client(t, engine.url).send(), outcome);
  });
}

test("byte by byte", async (t) => {
  const engine = await scriptedEngine(t, (response) => {
    const bytes = Buffer.from(`data: ${CHOICE.replace('"x"', '"é€😀"')}\n\n`);
    let at = 0;
    const next = (): void => {
      if (at >= bytes.length) response.end();
      else response.write(bytes.subarray(at, ++at), () => setImmediate(next));
    };
    next();
  });
  assert.equal(await client(t, engine.url).send(), "ok");
});

test("an engine that takes the request and says nothing: timeout, and the next canary is sent all the same", async (t) => {
  const engine = await scriptedEngine(t, () => {});
  const canary = client(t, engine.url, { timeoutMs: 400 });
  assert.equal(await canary.send(), "timeout");
  assert.equal(await canary.send(), "timeout");
  assert.equal(engine.requests.length, 2);
});

test("nobody listens: unreachable", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = portOf(server);
  server.close();
  await once(server, "close");
  assert.equal(await client(t, new URL(`http://127.0.0.1:${port}`)).send(), "unreachable");
});

test("behind a good response an answer without end is cut, by time or by bytes", async (t) => {
  for (const rest of ["silence", "noise"]) {
    const engine = await scriptedEngine(t, (response) => {
      response.write(`data: ${CHOICE}\n\n`);
      if (rest === "silence") return;
      const noise = Buffer.alloc(64 * 1024, "data: x\n");
      const more = (): void => {
        if (!response.destroyed) response.write(noise, () => setImmediate(more));
      };
      more();
    });
    const canary = client(t, engine.url, rest === "silence" ? { drainMs: 20 } : {});
    const begunMs = performance.now();
    assert.equal(await canary.send(), "ok");
    assert.ok(performance.now() - begunMs < PATIENCE_MS / 2);
    // The engine sees it, too.
    const connections = await new Promise<number>((resolve, reject) => {
      const look = (): void => {
        engine.server.getConnections((error, count) => {
          if (error !== null) reject(error);
          else if (count === 0) resolve(count);
          else setImmediate(look);
        });
      };
      look();
    });
    assert.equal(connections, 0);
  }
});
