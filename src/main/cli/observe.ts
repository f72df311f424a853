/**
 * `kvcast scrape-config`, `kvcast rules export`, `kvcast dashboards export`: files for Prometheus and Grafana, on stdout or where
 * they are wanted. MAIN THREAD.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { DashboardsConfig, RulesConfig } from "../config/load-observe.ts";
import { EXIT, KvcastError } from "../../shared/errors.ts";
import { boardFile, boardsConfigMap } from "../observe/board-export.ts";
import { ruleFileText } from "../observe/rules/rule-file.ts";
import { type ScrapeConfig, scrapeConfigText } from "../observe/scrape-config.ts";
import { fileTrouble } from "../file-trouble.ts";

/** A file cannot be written. Exit code 69. */
class OutputError extends KvcastError {
  constructor(file: string, cause: unknown) {
    super("KVCAST_OUTPUT", `${file} cannot be written: ${fileTrouble(cause, file, "write")}`, EXIT.unavailable, cause);
  }
}

export interface ObserveIo {
  /** Writes data, to stdout. */
  out(text: string): void;
  /** Writes talk, to stderr. */
  err(text: string): void;
}

export function runScrapeConfig(config: ScrapeConfig, io: ObserveIo): number {
  io.out(scrapeConfigText(config));
  return EXIT.ok;
}

export function runRulesExport(config: RulesConfig, io: ObserveIo): number {
  put(ruleFileText(config), config.output, io);
  return EXIT.ok;
}

export function runDashboardsExport(config: DashboardsConfig, io: ObserveIo): number {
  if (config.format === "config-map") {
    put(boardsConfigMap(config), config.output, io);
    return EXIT.ok;
  }
  for (const board of config.boards) {
    const { name, text } = boardFile(board, config);
    put(text, config.output === null ? null : path.join(config.output, name), io);
  }
  return EXIT.ok;
}

function put(text: string, file: string | null, io: ObserveIo): void {
  if (file === null) {
    io.out(text);
    return;
  }
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  } catch (error) {
    throw new OutputError(file, error);
  }
  io.err(`kvcast: wrote ${file}\n`);
}
