/** Where and on what a bench ran: figures without it are no figures. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import { version as libzmqVersion } from "zeromq";
import { VERSION } from "../../src/main/cli/version.ts";
import { findPython } from "./python.ts";

export interface Machine {
  /** One line: processor, cores, memory, system. */
  readonly line: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Short hash, with `+` when the tree has changes; null outside a clone. */
  readonly commit: string | null;
}

/** Packages whose speed is in the figures. */
const PACKAGES = ["zeromq", "piscina", "@msgpack/msgpack", "prom-client", "mitata"];

export function machine(): Machine {
  const cpus = os.cpus();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  const system = `${os.type()} ${os.release().replace(/-.*/, "")} ${os.arch()}`;
  const python = findPython();
  const packages = PACKAGES.map((name) => [name, packageVersion(name)] as const);
  return {
    line: `${cpus[0]?.model ?? "unknown processor"}, ${cpus.length} CPUs, ${memory} GiB, ${system}`,
    versions: {
      kvcast: VERSION,
      node: process.versions.node,
      v8: process.versions.v8,
      libzmq: libzmqVersion,
      ...Object.fromEntries(packages),
      ...("versions" in python ? { python: python.versions } : {}),
    },
    commit: commit(),
  };
}

/** The load of the last minute: how many programs wanted a CPU besides. Measured before our own begin. */
export function loadAverage(): number {
  return os.loadavg()[0] ?? 0;
}

/** Not every package exports its package.json, so the file is read where npm puts it. */
function packageVersion(name: string): string {
  try {
    const file = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")) as { version?: string };
    return file.version ?? "unknown";
  } catch {
    return "unknown";
  }
}

function git(...args: string[]): string {
  return execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
}

function commit(): string | null {
  try {
    const changed = git("status", "--porcelain", "--untracked-files=no") !== "";
    return `${git("rev-parse", "--short", "HEAD")}${changed ? "+" : ""}`;
  } catch {
    return null;
  }
}
