/**
 * `kvcast replay`: prints messages that were published before, from a publisher's replay socket or from a recording.
 * MAIN THREAD.
 */
import type { ReplayConfig } from "../config/load-replay.ts";
import { replayRecording } from "../record/replay-recording.ts";
import { JsonPrinter } from "../tail/json-printer.ts";
import type { Printer } from "../tail/printer.ts";
import { replayRange } from "../tail/replay-range.ts";
import { ReplayError, SideChannel } from "../tail/side-channel.ts";
import { summaryText } from "../tail/stats-printer.ts";
import { newCounters } from "../tail/stream-counters.ts";
import type { StreamCounters, StreamItem } from "../tail/stream-items.ts";
import { TextPrinter } from "../tail/text-printer.ts";
import { EXIT, KvcastError } from "../../shared/errors.ts";
import { Progress } from "./progress.ts";
import { TailOutput } from "./tail-output.ts";
import { printBatch, type TailIo } from "./tail.ts";

/** The replay socket does not answer, or not as one. Exit code 69. */
class NoReplayError extends KvcastError {
  constructor(message: string) {
    super("KVCAST_NO_REPLAY", message, EXIT.unavailable);
  }
}

interface Source {
  readonly items: AsyncIterable<StreamItem>;
  /** What has been read, 0 to 1; null: not known. */
  share(): number | null;
  close(): void;
  /** Said at the end, where the source has something to say. */
  closing(): string | null;
}

/**
 * Resolves with the exit code after the last message, after `stopped` has resolved, or when nobody reads stdout any more; 1
 * when messages of the range are lost. Throws KvcastError when the source cannot be read.
 */
export async function runReplay(config: ReplayConfig, stopped: Promise<NodeJS.Signals>, io: TailIo): Promise<number> {
  const output = new TailOutput(io.env["TERM"]);
  const startMs = performance.now();
  const counters = newCounters();
  const source = sourceOf(config, counters);
  const end = { asked: false };
  const stop = (): void => {
    end.asked = true;
    source.close();
  };
  void stopped.then(stop);
  void output.gone.then(stop);
  const printer = printerFor(config, output, io);
  const progress = new Progress({
    shown: process.stderr.isTTY && !process.stdout.isTTY && io.env["TERM"] !== "dumb",
    write: (text) => io.err(text),
    state: () => ({ share: source.share(), text: `${counters.messages} messages, ${counters.events} events` }),
    columns: () => process.stderr.columns,
  });
  try {
    await printItems(config, source, printer, output, end);
  } catch (error) {
    throw error instanceof ReplayError ? unanswered(config, error) : error;
  } finally {
    source.close();
    progress.end();
    printer.end();
    output.flush();
  }
  const closing = source.closing();
  if (closing !== null) io.err(`kvcast: ${closing}\n`);
  io.err(`kvcast: ${summaryText(counters, (performance.now() - startMs) / 1000)}\n`);
  return counters.lost > 0 ? EXIT.failure : EXIT.ok;
}

function sourceOf(config: ReplayConfig, counters: StreamCounters): Source {
  const { source, from, to, replayFraming: framing, timeoutMs, maxMessageBytes } = config;
  if (source.kind === "file") return replayRecording(source.path, { from, to }, counters);
  const { endpoint, curve } = source;
  const channel = new SideChannel({ endpoint, framing, timeoutMs, maxMessageBytes, curve });
  const first = from ?? 0;
  return {
    items: replayRange(channel, { from, to }, counters),
    share: () => (to === Infinity ? null : (counters.lastSequence + 1 - first) / (to + 1 - first)),
    close: () => channel.close(),
    closing: () => null,
  };
}

function printerFor({ json, tokens }: ReplayConfig, output: TailOutput, io: TailIo): Printer {
  const write = (text: string): void => output.write(text);
  if (json) return new JsonPrinter({ tokens, colour: false, write });
  return new TextPrinter({ tokens, colour: output.columns !== null && !io.env["NO_COLOR"], write });
}

async function printItems(
  config: ReplayConfig,
  source: Source,
  printer: Printer,
  output: TailOutput,
  end: { readonly asked: boolean },
): Promise<void> {
  let shown = 0;
  for await (const item of source.items) {
    if (end.asked) return;
    if (item.kind === "batch") {
      shown += printBatch(config, item, printer, (config.count ?? Infinity) - shown);
      if (shown === config.count) return;
    } else printer.note(item);
    await output.drained();
  }
}

function unanswered({ source, timeoutMs }: ReplayConfig, error: ReplayError): NoReplayError {
  const where = source.kind === "publisher" ? source.endpoint : source.path;
  return new NoReplayError(
    error.reason === "timeout"
      ? `${where} sent nothing for ${timeoutMs / 1000} s; is it the --replay-endpoint of a running publisher?`
      : `${where} answers with other frames than --replay-framing says, or is no replay socket`,
  );
}
