// Installs the programs that some tests need, as root on Debian; elsewhere it only says what is there. One line a tool. Other
// versions of Node come from npm, for any user.
// Never fails, unless KVCAST_REQUIRE_TOOLS=1 and a tool is still missing. What only the benches' rival in Python needs comes
// along, and may be missing all the same.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { installNode, NODE_MAJORS } from "./other-nodes.js";

/** Program → Debian package that has it. */
const TOOLS = {
  chromium: "chromium",
  "docker-compose": "docker-compose",
  faketime: "faketime",
  kubectl: "kubernetes-client",
  "nats-server": "nats-server",
  openssl: "openssl",
  prlimit: "util-linux",
  prometheus: "prometheus",
  promtool: "prometheus",
  tmux: "tmux",
  "systemd-analyze": "systemd",
  "systemd-notify": "systemd",
};

/** Debian's own Python has modules from packages; another one on the PATH has not. */
const PYTHON = "/usr/bin/python3";
/** Python module → Debian package that has it. */
const MODULES = {
  msgpack: "python3-msgpack",
  zmq: "python3-zmq",
};

const APT_GET = "apt-get";
const POLICY_FILE = "/usr/sbin/policy-rc.d";
const INSTALL_TIMEOUT_MS = 10 * 60 * 1000;

function find(name) {
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

function aptGet(args) {
  const run = spawnSync(APT_GET, ["-q", "-y", ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: INSTALL_TIMEOUT_MS,
  });
  if (run.status === 0) return null;
  const said = run.stderr?.toString("utf8").trim().split("\n").at(-1);
  return run.error?.message ?? (said || `${APT_GET} exited with ${run.status ?? run.signal}`);
}

/** Packages here bring daemons; a policy of "no" (101) keeps dpkg from starting them. A policy that exists is kept. */
function withoutDaemons(action) {
  const ours = !existsSync(POLICY_FILE);
  if (ours) writeFileSync(POLICY_FILE, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    return action();
  } finally {
    if (ours) rmSync(POLICY_FILE, { force: true });
  }
}

function install(packages) {
  if (process.getuid?.() !== 0) return "not root";
  if (!existsSync("/etc/debian_version") || find(APT_GET) === null) return "not on Debian";
  return aptGet(["update"]) ?? withoutDaemons(() => aptGet(["install", "--no-install-recommends", ...packages]));
}

/** Without the caller's variables and own packages, as the benches run it. */
function hasModule(name) {
  return spawnSync(PYTHON, ["-E", "-s", "-c", `import ${name}`], { stdio: "ignore" }).status === 0;
}

const missing = Object.keys(TOOLS).filter((tool) => find(tool) === null);
const missingModules = Object.keys(MODULES).filter((name) => !hasModule(name));
const failure = missing.length === 0 ? null : install([...new Set(missing.map((tool) => TOOLS[tool]))]);
// By itself: a package that is not to be had would take the others with it.
const moduleFailure = missingModules.length === 0 ? null : install(missingModules.map((name) => MODULES[name]));
let absent = 0;
for (const [tool, from] of Object.entries(TOOLS)) {
  const file = find(tool);
  if (file === null) absent++;
  const state = file ?? `missing, its tests are skipped (package ${from}: ${failure ?? "installed without it"})`;
  process.stdout.write(`test tool ${tool}: ${state}\n`);
}
for (const major of NODE_MAJORS) {
  const { version, reason } = installNode(major);
  if (version === undefined) absent++;
  process.stdout.write(`test tool Node ${major}: ${version ?? `missing, its tests are skipped (${reason})`}\n`);
}
for (const [name, from] of Object.entries(MODULES)) {
  const why = moduleFailure ?? "installed without it";
  const state = hasModule(name)
    ? "found"
    : `missing, benches leave out their rival in Python (package ${from}: ${why})`;
  process.stdout.write(`Python module ${name}: ${state}\n`);
}
if (absent > 0 && process.env.KVCAST_REQUIRE_TOOLS === "1") process.exitCode = 1;
