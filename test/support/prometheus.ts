/** A real Prometheus for a test. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { freePort } from "../../bench/support/free-port.ts";

export interface Target {
  readonly health: string;
  readonly lastError: string;
  readonly labels: { readonly job: string };
}

/** Starts a server that scrapes by these configurations each second; resolves with the URL of its API. */
export async function startPrometheus(t: TestContext, program: string, jobs: readonly object[]): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-prometheus-"));
  const file = path.join(folder, "prometheus.yml");
  writeFileSync(
    file,
    JSON.stringify({ global: { scrape_interval: "1s", scrape_timeout: "1s" }, scrape_configs: jobs }),
  );
  const port = await freePort();
  const server = spawn(
    program,
    [`--config.file=${file}`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${port}`],
    { stdio: "ignore" },
  );
  t.after(() => {
    server.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return `http://127.0.0.1:${port}/api/v1`;
}

/** The data of an answer; null while there is none. */
export async function askPrometheus(api: string, what: string): Promise<unknown> {
  try {
    const response = await fetch(`${api}/${what}`);
    if (!response.ok) return null;
    return ((await response.json()) as { readonly data: unknown }).data;
  } catch {
    return null;
  }
}
