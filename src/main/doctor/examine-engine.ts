/**
 * Examines a trtllm-serve over HTTP. MAIN THREAD.
 *
 * Only what takes nothing away is asked: `/kv_cache_events`, `/metrics` and `/perf_metrics` give each thing to one reader, so a
 * doctor who asked for them would make the hole that he is looking for. Which verb the events have shows in the refusal of OPTIONS.
 */
import type { HttpEngineConfig } from "../config/config.ts";
import { infoFacts } from "../engine/engine-probe.ts";
import { KNOWN_HASH_ALGORITHMS } from "../engine/settings-check.ts";
import { Findings, type Finding } from "./finding.ts";
import { jsonOf, type Look, lookAt } from "../http/http-look.ts";
import { urlBelow } from "../http/url-below.ts";
import { objectOf } from "../../shared/json-object.ts";

const TIMEOUT_MS = 5000;
/** The header that tells the time has whole seconds. */
const CLOCK_TOLERANCE_SECONDS = 1.5;
/** Less than this overflows between two reads of a busy engine. */
const SMALL_BUFFER_EVENTS = 8192;

/** Never rejects. */
export async function examineEngine(config: HttpEngineConfig, kvBlockSizeTokens: number): Promise<readonly Finding[]> {
  const findings = new Findings("engine", `${config.name} ${config.url.origin}`);
  const ask = (path: string, method: "GET" | "OPTIONS" = "GET"): Promise<Look> =>
    lookAt(urlBelow(config.url, path), {
      method,
      timeoutMs: Math.min(config.timeoutMs, TIMEOUT_MS),
      credentials: config,
    });
  const version = await ask("version");
  if (!tellReachable(findings, version)) return findings.list;
  tellHealth(findings, await ask("health"));
  tellVerb(findings, await ask("kv_cache_events", "OPTIONS"));
  tellSettings(findings, await ask("server_info"), kvBlockSizeTokens);
  tellMetrics(findings, await ask("prometheus/metrics"));
  tellClock(findings, version);
  return findings.list;
}

function tellReachable(findings: Findings, look: Look): boolean {
  if (look.failure !== "") {
    const isSlow = look.failure === "TIMEOUT";
    findings.fail("reachable", {
      says: isSlow ? `no answer within ${TIMEOUT_MS / 1000} s` : `no connection (${look.failure})`,
      why: "no event can be read",
      fix: isSlow
        ? "look at the engine's own log: a server that takes connections and does not answer is stuck"
        : "check --engine, that trtllm-serve runs, and that it listens on an address that is reached from here (its default is localhost)",
    });
    return false;
  }
  if (look.status === 401 || look.status === 403) {
    findings.fail("reachable", {
      says: `HTTP status ${look.status}`,
      why: "a proxy in front of the engine wants credentials",
      fix: "give them with --engine-header-file or --engine-client-cert-file",
    });
    return false;
  }
  const version = look.status === 200 ? textOf(objectOf(jsonOf(look.body))["version"]) : null;
  findings.ok("reachable", version === null ? "it answers" : `version ${version}`);
  return true;
}

function tellHealth(findings: Findings, { status }: Look): void {
  if (status === 200) {
    findings.ok("health", "it says that it is well; releases before April 2026 always do");
    return;
  }
  findings.fail("health", {
    says: status === 0 ? "/health does not answer" : `/health has HTTP status ${status}`,
    why: "its executor is gone or stuck; its other pages may go on answering with empty lists",
    fix: "restart the engine; it does not always end by itself",
  });
}

function tellVerb(findings: Findings, { status, allow }: Look): void {
  if (status === 404) {
    findings.fail("events_page", {
      says: "there is no /kv_cache_events",
      why: "events cannot be read over HTTP",
      fix: "an encoder or embedding server has none; one that publishes over ZMQ is read with --engine zmq+tcp://host:port",
    });
  } else if (allow.includes("POST")) findings.ok("events_page", "POST /kv_cache_events, as all known releases have it");
  else if (allow.includes("GET"))
    findings.ok("events_page", "GET /kv_cache_events: kvcast takes that verb after a 405");
  else findings.skip("events_page", `it does not tell the verb of /kv_cache_events (HTTP status ${status})`);
}

function tellSettings(findings: Findings, look: Look, kvBlockSizeTokens: number): void {
  if (look.status !== 200) {
    findings.skip("settings", "it has no /server_info: compare tokens_per_block and event_buffer_max_size by hand");
    return;
  }
  const info = objectOf(jsonOf(look.body));
  const facts = infoFacts(info);
  const cache = objectOf(info["kv_cache_config"]);
  tellBlockSize(findings, facts.tokensPerBlock, kvBlockSizeTokens);
  tellBuffer(findings, info["event_buffer_max_size"] ?? cache["event_buffer_max_size"]);
  const { hashAlgorithm } = facts;
  if (hashAlgorithm !== null && !KNOWN_HASH_ALGORITHMS.includes(hashAlgorithm)) {
    findings.warn("hash_algorithm", {
      says: `block hashes are made by ${hashAlgorithm}, which is not known here`,
      why: "engines whose hashes differ never share a prefix in a router",
      fix: "compare kv_cache_event_hash_algo of all engines",
    });
  } else if (hashAlgorithm !== null) findings.ok("hash_algorithm", hashAlgorithm);
  if ((info["enable_block_reuse"] ?? cache["enable_block_reuse"]) === false) {
    findings.fail("block_reuse", {
      says: "enable_block_reuse is false",
      why: "nothing is kept for a second request, so there are no events",
      fix: "set kv_cache_config.enable_block_reuse: true",
    });
  }
  if (info["enable_iter_perf_stats"] === false) {
    findings.warn("iteration_stats", {
      says: "enable_iter_perf_stats is false",
      why: "load, cache usage and hit rate are not known",
      fix: "set enable_iter_perf_stats: true",
    });
  }
}

function tellBlockSize(findings: Findings, tokens: number | null, expected: number): void {
  if (tokens === null) findings.skip("block_size", "/server_info does not tell tokens_per_block");
  else if (tokens === expected) findings.ok("block_size", `blocks of ${tokens} tokens`);
  else {
    findings.fail("block_size", {
      says: `tokens_per_block is ${tokens}, --kv-block-size ${expected}`,
      why: "blocks that are larger are invalid, smaller ones count as partial: next to nothing is published",
      fix: `--kv-block-size ${tokens}`,
    });
  }
}

function tellBuffer(findings: Findings, size: unknown): void {
  if (typeof size !== "number") findings.skip("event_buffer", "/server_info does not tell event_buffer_max_size");
  else if (size <= 0) {
    findings.fail("event_buffer", {
      says: "event_buffer_max_size is 0",
      why: "the engine collects no events, and answers 200 with an empty list",
      fix: "set kv_cache_config.event_buffer_max_size: 65536",
    });
  } else if (size < SMALL_BUFFER_EVENTS) {
    findings.warn("event_buffer", {
      says: `event_buffer_max_size is ${size}`,
      why: "what does not fit between two reads is lost, the oldest first",
      fix: "set kv_cache_config.event_buffer_max_size: 65536",
    });
  } else findings.ok("event_buffer", `room for ${size} events`);
}

function tellMetrics(findings: Findings, { status }: Look): void {
  if (status === 200) findings.ok("metrics_page", "it has Prometheus metrics of its own");
  else if (status === 404) {
    findings.warn("metrics_page", {
      says: "there is no /prometheus/metrics",
      why: "request times and KV-cache figures are derived from what else there is, or missing",
      fix: "set return_perf_metrics: true, and perf_metrics_max_requests: 1000 for records of requests",
    });
  } else findings.skip("metrics_page", `/prometheus/metrics has HTTP status ${status}`);
}

function tellClock(findings: Findings, { clockAheadSeconds }: Look): void {
  if (clockAheadSeconds === null) findings.skip("clock", "it does not tell the time");
  else if (Math.abs(clockAheadSeconds) <= CLOCK_TOLERANCE_SECONDS) findings.ok("clock", "its clock and ours agree");
  else {
    const size = Math.abs(clockAheadSeconds).toFixed(0);
    findings.warn("clock", {
      says: `its clock is ${size} s ${clockAheadSeconds > 0 ? "ahead of" : "behind"} ours`,
      why: "ages and timelines that mix both clocks are wrong",
      fix: "synchronise the clocks of both machines (NTP)",
    });
  }
}

/** Short and plain, or nothing. */
function textOf(value: unknown): string | null {
  return typeof value === "string" && /^[\w.:+-]{1,64}$/.test(value) ? value : null;
}
