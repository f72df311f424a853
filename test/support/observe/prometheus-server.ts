/** A real Prometheus of a test's own, which scrapes every two seconds, and its API. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { freePort } from "../../../bench/support/free-port.ts";
import { eventually } from "../fault/deadline.ts";

const START_LIMIT_MS = 30_000;

export interface Job {
  readonly job: string;
  /** host:port of each. */
  readonly targets: readonly string[];
  /** Default `/metrics`. */
  readonly path?: string;
}

/** A series of an answer: its labels, and its value, or values over time, as pairs of seconds and text. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: readonly [number, string];
  readonly values?: readonly (readonly [number, string])[];
}

export interface RuleState {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
  readonly alerts?: readonly { readonly state: string; readonly annotations: Readonly<Record<string, string>> }[];
}

export class PrometheusServer {
  readonly #api: string;

  private constructor(api: string) {
    this.#api = api;
  }

  /** Resolves when it answers. */
  static async start(
    t: TestContext,
    program: string,
    jobs: readonly Job[],
    ruleFiles: readonly string[],
  ): Promise<PrometheusServer> {
    const folder = mkdtempSync(path.join(tmpdir(), "kvcast-prometheus-"));
    const config = {
      global: { scrape_interval: "2s", scrape_timeout: "2s", evaluation_interval: "1s" },
      rule_files: ruleFiles,
      scrape_configs: jobs.map(({ job, targets, path: metricsPath = "/metrics" }) => ({
        job_name: job,
        metrics_path: metricsPath,
        static_configs: [{ targets }],
      })),
    };
    writeFileSync(path.join(folder, "prometheus.yml"), JSON.stringify(config));
    const port = await freePort();
    const server = spawn(
      program,
      [
        `--config.file=${folder}/prometheus.yml`,
        `--storage.tsdb.path=${folder}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: "ignore" },
    );
    t.after(() => {
      server.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    });
    const made = new PrometheusServer(`http://127.0.0.1:${port}`);
    await eventually("Prometheus is ready", START_LIMIT_MS, async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => null);
      return answer?.ok === true ? true : null;
    });
    return made;
  }

  /** What the query gives now. Throws with the server's words where it cannot be executed. */
  async query(expr: string): Promise<readonly Sample[]> {
    return this.#samples("query", { query: expr });
  }

  /** Over time; all three in seconds. */
  async queryRange(expr: string, start: number, end: number, step: number): Promise<readonly Sample[]> {
    return this.#samples("query_range", { query: expr, start: String(start), end: String(end), step: String(step) });
  }

  async rules(): Promise<readonly RuleState[]> {
    const { groups } = (await this.#ask("rules", {})) as { groups: readonly { rules: readonly RuleState[] }[] };
    return groups.flatMap(({ rules }) => rules);
  }

  async names(): Promise<ReadonlySet<string>> {
    return new Set((await this.#ask("label/__name__/values", {})) as readonly string[]);
  }

  async #samples(what: string, parameters: Readonly<Record<string, string>>): Promise<readonly Sample[]> {
    const { result } = (await this.#ask(what, parameters)) as { result: readonly Sample[] };
    // A number without labels is no list of series.
    assert.ok(
      result.every((each) => typeof each === "object" && "metric" in each),
      `${parameters["query"]} gives no series`,
    );
    return result;
  }

  async #ask(what: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
    const response = await fetch(`${this.#api}/api/v1/${what}?${new URLSearchParams(parameters).toString()}`);
    const answer = (await response.json()) as { status: string; data?: unknown; error?: string };
    assert.equal(answer.status, "success", `${parameters["query"] ?? what}: ${answer.error}`);
    return answer.data;
  }
}
