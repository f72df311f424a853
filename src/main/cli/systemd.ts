/**
 * Tells systemd how the service is: ready, stopping, and that it lives. MAIN THREAD; only where systemd asks for it (`Type=notify`,
 * `WatchdogSec=`).
 *
 * systemd listens on a Unix datagram socket, which Node cannot write to, so its own tool `systemd-notify` is run for each message. The
 * unit needs `NotifyAccess=all` therefore. The sign of life comes from a timer of the main thread: if that one stands still, so does
 * the sign.
 */
import { execFile } from "node:child_process";
import type { Environment } from "../config/option-spec.ts";
import type { LineLogger } from "../log.ts";

const TOOL = "systemd-notify";
/** A message that takes longer is worth nothing. */
const TIMEOUT_MS = 5000;
/** Signs of life within the time that systemd allows for one. */
const SIGNS = 3;

export class SystemdNotifier {
  readonly #log: LineLogger;
  readonly #watchdogMs: number | null;
  #timer: NodeJS.Timeout | null = null;
  #isBroken: boolean = false;

  private constructor(log: LineLogger, watchdogMs: number | null) {
    this.#log = log;
    this.#watchdogMs = watchdogMs;
  }

  /** Null where nobody listens. */
  static of(env: Environment, log: LineLogger): SystemdNotifier | null {
    if (!env["NOTIFY_SOCKET"]) return null;
    const micros = Number(env["WATCHDOG_USEC"]);
    // Set for another process, where this one was started by a wrapper.
    const isOurs = env["WATCHDOG_PID"] === undefined || Number(env["WATCHDOG_PID"]) === process.pid;
    return new SystemdNotifier(log, micros > 0 && isOurs ? micros / 1000 : null);
  }

  /** The service is up. `status` is one line for `systemctl status`. */
  ready(status: string): void {
    this.#tell("READY=1", `STATUS=${status}`);
    if (this.#watchdogMs === null) return;
    this.#timer = setInterval(() => this.#tell("WATCHDOG=1"), this.#watchdogMs / SIGNS);
    this.#timer.unref();
  }

  /** The service is on its way down. Signs of life go on until `close`. */
  stopping(): void {
    this.#tell("STOPPING=1", "STATUS=shutting down");
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #tell(...args: readonly string[]): void {
    if (this.#isBroken) return;
    execFile(TOOL, args, { timeout: TIMEOUT_MS }, (error) => {
      if (error === null || this.#isBroken) return;
      this.#isBroken = true;
      const code = "code" in error ? String(error.code) : "unknown";
      this.#log.warn("systemd cannot be told how the service is: is systemd-notify installed?", { code });
    });
  }
}
