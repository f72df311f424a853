/** `kvcast tail`: prints the stream of a publisher until it is told to stop, or has seen enough. MAIN THREAD. */
import type { TailConfig } from "../config/load-tail.ts";
import { refusalText } from "../tail/handshake-refusal.ts";
import { JsonPrinter } from "../tail/json-printer.ts";
import type { KvEvent } from "../tail/kv-event.ts";
import { LiveBlocks } from "../tail/live-blocks.ts";
import type { Printer } from "../tail/printer.ts";
import { StatsPrinter, summaryText } from "../tail/stats-printer.ts";
import { StreamClient } from "../tail/stream-client.ts";
import type { BatchItem, StreamItem } from "../tail/stream-items.ts";
import { SNAPSHOT_FAILURE, TextPrinter } from "../tail/text-printer.ts";
import { EXIT, KvcastError } from "../../shared/errors.ts";
import { TailOutput } from "./tail-output.ts";

/** After such a silence it says that it waits. */
const SILENCE_MS = 3000;

/** The publisher, or what was asked of it, is not there. Exit code 69. */
class UnreachableError extends KvcastError {
  constructor(message: string) {
    super("KVCAST_UNREACHABLE", message, EXIT.unavailable);
  }
}

export interface TailIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes talk, to stderr. */
  err(text: string): void;
}

/**
 * Resolves with the exit code after `count` events, after `stopped` has resolved, or when nobody reads stdout any more.
 * Throws KvcastError when there is no connection within the time-out, or no snapshot where one was asked for.
 */
export async function runTail(config: TailConfig, stopped: Promise<NodeJS.Signals>, io: TailIo): Promise<number> {
  const output = new TailOutput(io.env["TERM"]);
  const startMs = performance.now();
  const failure: { unreachable: UnreachableError | null } = { unreachable: null };
  let timer: NodeJS.Timeout | undefined;
  let refused = "";
  const client = new StreamClient({
    endpoint: config.endpoint,
    topic: config.topic,
    replayFraming: config.replayFraming,
    curve: config.curve,
    sync: config.sync,
    maxMessageBytes: config.maxMessageBytes,
    ...(config.replayEndpoint === null ? {} : { replayEndpoint: config.replayEndpoint }),
    onRefusal: (refusal) => {
      const { says, fix } = refusalText(refusal, config.curve !== null);
      // With each try it is refused again.
      if (says !== refused) io.err(`kvcast: ${config.endpoint}: ${says}; ${fix}\n`);
      refused = says;
    },
    onConnection: (connected) => {
      clearTimeout(timer);
      clearTimeout(note);
      io.err(`kvcast: ${connected ? "connected to" : "lost the connection to"} ${config.endpoint}\n`);
    },
  });
  const note = setTimeout(() => {
    if (refused === "") io.err(`kvcast: nobody listens at ${config.endpoint} yet; waiting\n`);
  }, SILENCE_MS);
  if (config.timeoutMs !== null) {
    const seconds = config.timeoutMs / 1000;
    timer = setTimeout(() => {
      failure.unreachable = new UnreachableError(`no connection to ${config.endpoint} within ${seconds} s`);
      client.close();
    }, config.timeoutMs);
  }
  void stopped.then(() => client.close());
  void output.gone.then(() => client.close());

  const blocks = config.sync ? new LiveBlocks() : null;
  const printer = printerFor(config, client, blocks, output, io);
  try {
    await printAll(config, client, blocks, printer, output);
  } finally {
    clearTimeout(timer);
    clearTimeout(note);
    client.close();
    printer.end();
    output.flush();
  }
  if (failure.unreachable !== null) throw failure.unreachable;
  if (!config.stats) io.err(`kvcast: ${summaryText(client.counters, (performance.now() - startMs) / 1000)}\n`);
  return EXIT.ok;
}

function printerFor(
  config: TailConfig,
  client: StreamClient,
  blocks: LiveBlocks | null,
  output: TailOutput,
  io: TailIo,
): Printer {
  const { json, stats, tokens } = config;
  const { columns } = output;
  const colour = columns !== null && !io.env["NO_COLOR"];
  const write = (text: string): void => output.write(text);
  if (stats) return new StatsPrinter({ counters: client.counters, blocks, json, colour, columns, write });
  return json ? new JsonPrinter({ tokens, colour: false, write }) : new TextPrinter({ tokens, colour, write });
}

async function printAll(
  config: TailConfig,
  client: StreamClient,
  blocks: LiveBlocks | null,
  printer: Printer,
  output: TailOutput,
): Promise<void> {
  let shown = 0;
  for await (const item of client) {
    blocks?.apply(item);
    if (item.kind === "batch") {
      shown += printBatch(config, item, printer, (config.count ?? Infinity) - shown);
      if (shown === config.count) return;
    } else {
      printer.note(item);
      failWithoutSnapshot(item, client);
    }
    await output.drained();
  }
}

/** A malformed event may be of any type: it is always shown, and never counted. */
/** Prints a batch and its wanted events, until `left` of them are readable ones; how many were. */
export function printBatch(
  config: Pick<TailConfig, "types" | "ranks">,
  item: BatchItem,
  printer: Printer,
  left: number,
): number {
  let shown = 0;
  printer.batch(item);
  for (const event of item.batch.events) {
    if (!isWanted(config, event, item)) continue;
    printer.event(event, item);
    if (event.type !== "malformed") shown++;
    if (shown === left) break;
  }
  return shown;
}

function isWanted(config: Pick<TailConfig, "types" | "ranks">, event: KvEvent, item: BatchItem): boolean {
  const { types, ranks } = config;
  if (ranks.size > 0 && !ranks.has(item.batch.rank ?? 0)) return false;
  if (types.size === 0 || event.type === "malformed") return true;
  return event.type !== "unknown" && types.has(event.type);
}

/** Later the stream goes on, and says so; at the start whoever asked for a snapshot would be misled. */
function failWithoutSnapshot(item: StreamItem, client: StreamClient): void {
  if (item.kind !== "snapshot-failed" || client.counters.snapshots > 0) return;
  throw new UnreachableError(`no snapshot: ${SNAPSHOT_FAILURE[item.reason]}`);
}
