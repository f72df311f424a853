/** Examines what kvcast runs on: Node, its native parts, open files. MAIN THREAD. */
import { availableParallelism } from "node:os";
import { messageOf } from "../../shared/errors.ts";
import { NEEDED_OPEN_FILES, openFileLimit } from "../cli/open-files.ts";
import { Findings, type Finding } from "./finding.ts";

/** As `engines` in package.json has it. */
const OLDEST_NODE = [20, 19] as const;
/** A fleet's worth of subscribers, and room for scrapers. */
const GOOD_OPEN_FILES = 1024;

export async function examineMachine(nodeVersion: string = process.versions.node): Promise<readonly Finding[]> {
  const findings = new Findings("machine");
  tellNode(findings, nodeVersion);
  await tellZeromq(findings);
  await tellHash(findings);
  tellOpenFiles(findings, openFileLimit());
  tellCores(findings, availableParallelism());
  return findings.list;
}

function tellNode(findings: Findings, version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  if (!isOld) {
    findings.ok("node_version", `Node ${version}`);
    return;
  }
  findings.fail("node_version", {
    says: `Node ${version}`,
    why: "threads could not wait for each other, and dependencies do not load",
    fix: `install Node ${OLDEST_NODE.join(".")} or later`,
  });
}

async function tellZeromq(findings: Findings): Promise<void> {
  try {
    const { version } = await import("zeromq");
    findings.ok("zeromq", `libzmq ${version}`);
  } catch (error) {
    findings.fail("zeromq", {
      says: `the native part of zeromq does not load: ${messageOf(error).split("\n")[0]}`,
      why: "without it nothing is published over ZMQ",
      fix: `install kvcast anew on this machine (${process.platform} ${process.arch}), with optional packages`,
    });
  }
}

async function tellHash(findings: Findings): Promise<void> {
  try {
    await import("@node-rs/xxhash");
    findings.ok("xxhash", "the native part of @node-rs/xxhash loads");
  } catch {
    findings.warn("xxhash", {
      says: `the native part of @node-rs/xxhash does not load on ${process.platform} ${process.arch}`,
      why: "--nats-encoding dynamo and kvcast consolidate need it",
      fix: "install kvcast anew with optional packages, or use --nats-encoding raw",
    });
  }
}

function tellOpenFiles(findings: Findings, limit: number | null): void {
  if (limit === null) findings.skip("open_files", "the system does not tell its limit");
  else if (limit < NEEDED_OPEN_FILES) {
    findings.fail("open_files", {
      says: `${limit} files may be open, and kvcast serve needs ${NEEDED_OPEN_FILES}`,
      why: "it does not start",
      fix: "raise the limit: ulimit -n, or LimitNOFILE= of the unit",
    });
  } else if (limit < GOOD_OPEN_FILES) {
    findings.warn("open_files", {
      says: `${limit} files may be open`,
      why: "each subscriber and each scraper takes one",
      fix: "raise the limit: ulimit -n, or LimitNOFILE= of the unit",
    });
  } else findings.ok("open_files", `${limit} files may be open`);
}

function tellCores(findings: Findings, cores: number): void {
  if (cores > 1) {
    findings.ok("cores", `${cores} cores`);
    return;
  }
  findings.warn("cores", {
    says: "one core",
    why: "main, encoder and publisher take turns on it, and events age meanwhile",
    fix: "give it two; at rates of less than a thousand events a second one will do",
  });
}
