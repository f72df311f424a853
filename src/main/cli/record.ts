/** `kvcast record`: writes an engine's answers, or a publisher's messages, into a file. MAIN THREAD. */
import type { RecordConfig } from "../config/load-record.ts";
import { EngineRecording } from "../record/record-engine.ts";
import { PublisherRecording } from "../record/record-publisher.ts";
import type { RecordingRun, RecordSink } from "../record/recording-run.ts";
import { RecordingWriter } from "../record/recording-writer.ts";
import { EXIT } from "../../shared/errors.ts";
import { Progress } from "./progress.ts";
import { VERSION } from "./version.ts";

export interface RecordIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes data, to stdout. */
  out(text: string): void;
  /** Writes talk, to stderr. */
  err(text: string): void;
}

/**
 * Resolves with the exit code after `stopped` has resolved or the duration is over; the file is complete then. Throws
 * KvcastError when the file cannot be made or written.
 */
export async function runRecord(config: RecordConfig, stopped: Promise<NodeJS.Signals>, io: RecordIo): Promise<number> {
  const { path, source, withTokens: tokens } = config;
  for (const warning of config.warnings) io.err(`kvcast: ${warning}\n`);
  const startMs = performance.now();
  const elapsedMs = (): number => performance.now() - startMs;
  const created = new Date().toISOString();
  const writer = await RecordingWriter.create(path, { kind: source.kind, tokens, created, kvcast: VERSION });
  const note = tokens
    ? "with token ids and salts, which are people's prompts"
    : "without token ids and salts (--with-tokens keeps them)";
  io.err(`kvcast: recording into ${path}, ${note}; Ctrl-C ends\n`);
  const say = (text: string): void => {
    progress.wipe();
    io.err(`kvcast: ${text}\n`);
  };
  const sink: RecordSink = { writer, tokens, elapsedMs, say };
  const run: RecordingRun =
    source.kind === "engine" ? new EngineRecording(source, sink) : new PublisherRecording(source, sink);
  const progress = new Progress({
    shown: process.stderr.isTTY && io.env["TERM"] !== "dumb",
    write: (text) => io.err(text),
    state: () => ({
      share: config.durationMs === Infinity ? null : elapsedMs() / config.durationMs,
      text: `${Math.round(elapsedMs() / 1000)} s, ${run.text}, ${sizeText(writer.bytes)}`,
    }),
    columns: () => process.stderr.columns,
  });
  void stopped.then(() => run.stop());
  const timer = config.durationMs === Infinity ? undefined : setTimeout(() => run.stop(), config.durationMs);
  try {
    await run.run();
  } finally {
    clearTimeout(timer);
    progress.end();
    await writer.end(elapsedMs());
  }
  const seconds = elapsedMs() / 1000;
  io.err(`kvcast: ${path}: ${run.text} in ${seconds.toFixed(1)} s, ${sizeText(writer.bytes)}\n`);
  if (config.json) {
    const { kind } = source;
    io.out(`${JSON.stringify({ file: path, kind, tokens, seconds, bytes: writer.bytes, ...run.counts })}\n`);
  }
  return EXIT.ok;
}

function sizeText(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
