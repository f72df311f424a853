/** `kvcast top`: how a running service is, in a terminal; once for a person, or for a program. MAIN THREAD. */
import { setTimeout as delay } from "node:timers/promises";
import type { TopConfig } from "../config/load-top.ts";
import { LIVE_PATH, LIVE_STREAM_PATH } from "../http/live-routes.ts";
import { painted, type Line, piece } from "../top/lines.ts";
import { urlBelow } from "../http/url-below.ts";
import { fetchSnapshot, liveMessages, NoLiveError } from "../top/live-stream.ts";
import { TopModel } from "../top/top-model.ts";
import { topLines } from "../top/top-view.ts";
import { ConfigError, EXIT, messageOf } from "../../shared/errors.ts";
import { Screen } from "./screen.ts";

/** Snapshots come five times a second. */
const SILENCE_MS = 6000;
const RETRY_MS = 1000;
/** Columns where there is no terminal to ask. */
const ONCE_COLUMNS = 160;
const KEYS: Line = [piece("q quit   p pause", "dim")];
const CTRL_C = "\u0003";

export interface TopIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes data, to stdout. */
  out(text: string): void;
}

/**
 * Resolves with the exit code: after one answer with `once`, else after q, Ctrl-C or `stopped`. Throws NoLiveError when the
 * service cannot be asked at the start; later it is waited for.
 */
export async function runTop(config: TopConfig, stopped: Promise<NodeJS.Signals>, io: TopIo): Promise<number> {
  const isTerminal = process.stdout.isTTY && io.env["TERM"] !== "dumb";
  const colour = isTerminal && !io.env["NO_COLOR"];
  if (config.once) {
    await printOnce(config, colour, io);
    return EXIT.ok;
  }
  if (!isTerminal || !process.stdin.isTTY) {
    throw new ConfigError("--once", "kvcast top needs a terminal; kvcast top --once prints how the service is now");
  }
  // Before the terminal is taken: an error is then read where the command was typed.
  await fetchSnapshot(urlBelow(config.url, LIVE_PATH), config.timeoutMs, config.login);
  const end = new AbortController();
  const stop = (): void => end.abort();
  void stopped.then(stop);
  process.once("SIGHUP", stop);
  const model = new TopModel(config.url.host);
  const draw = (): void => {
    const { columns, rows } = screen;
    const lines = topLines(model.state, columns, rows - 1);
    const padded = [...lines, ...Array.from({ length: rows - 1 - lines.length }, () => [])];
    screen.show([...padded, KEYS].map((line) => painted(line, columns, colour)));
  };
  const screen = new Screen(process.stdin, process.stdout, {
    onResize: draw,
    onKey: (key) => {
      if (key === "q" || key === CTRL_C) return stop();
      if (key === "p" || key === " ") model.togglePause();
      draw();
    },
  });
  try {
    draw();
    await follow(config, model, draw, end.signal);
  } finally {
    process.removeListener("SIGHUP", stop);
    screen.close();
  }
  return EXIT.ok;
}

async function printOnce({ url, json, timeoutMs, login }: TopConfig, colour: boolean, io: TopIo): Promise<void> {
  const { snapshot, text } = await fetchSnapshot(urlBelow(url, LIVE_PATH), timeoutMs, login);
  if (json) return io.out(`${text}\n`);
  const model = new TopModel(url.host);
  model.take({ type: "snapshot", snapshot });
  const columns = process.stdout.isTTY ? process.stdout.columns : ONCE_COLUMNS;
  const lines = topLines(model.state, columns, Infinity);
  io.out(`${lines.map((line) => painted(line, columns, colour)).join("\n")}\n`);
}

/** Reads the stream, and connects again when it breaks, until the signal. */
async function follow(config: TopConfig, model: TopModel, draw: () => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const message of liveMessages(
        urlBelow(config.url, LIVE_STREAM_PATH),
        SILENCE_MS,
        signal,
        config.login,
      )) {
        model.take(message);
        if (message.type === "snapshot") draw();
      }
      if (!signal.aborted) model.lost("the service has closed the connection");
    } catch (error) {
      if (!(error instanceof NoLiveError)) throw error;
      model.lost(messageOf(error));
    }
    draw();
    await delay(RETRY_MS, undefined, { signal }).catch(() => {});
  }
}
