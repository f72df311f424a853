/** Subscribes to a publisher, and records its messages and what happens to their sequence. MAIN THREAD. */
import type { RecordedPublisher } from "../config/load-record.ts";
import { MessageStream } from "../tail/message-stream.ts";
import type { RawMessage } from "../tail/raw-message.ts";
import { messageEntry, noteEntry } from "./message-entries.ts";
import { redactMessage } from "./redact-message.ts";
import { ENTRY } from "./recording-format.ts";
import type { RecordingRun, RecordSink } from "./recording-run.ts";

interface RawItem {
  readonly kind: "raw";
  readonly message: RawMessage;
}

export class PublisherRecording implements RecordingRun {
  readonly #sink: RecordSink;
  readonly #stream: MessageStream<RawItem>;
  #messages: number = 0;

  constructor({ endpoint, topic, replayEndpoint, replayFraming, curve }: RecordedPublisher, sink: RecordSink) {
    this.#sink = sink;
    this.#stream = new MessageStream<RawItem>(
      {
        endpoint,
        topic,
        replayFraming,
        curve,
        ...(replayEndpoint === null ? {} : { replayEndpoint }),
        onConnection: (connected) => sink.say(`${connected ? "connected to" : "lost the connection to"} ${endpoint}`),
      },
      (message) => ({ kind: "raw", message }),
    );
  }

  get text(): string {
    const { lost } = this.#stream.counters;
    return `${this.#messages} messages${lost === 0 ? "" : `, ${lost} lost`}`;
  }

  get counts(): Readonly<Record<string, number>> {
    const { gaps, healed, lost, restarts } = this.#stream.counters;
    return { messages: this.#messages, gaps, healed, lost, restarts };
  }

  async run(): Promise<void> {
    const { writer, tokens } = this.#sink;
    for await (const item of this.#stream) {
      const atMs = this.#sink.elapsedMs();
      if (item.kind === "raw") {
        const { sequence, payload } = item.message;
        await writer.add(
          ENTRY.message,
          atMs,
          messageEntry({ sequence, payload: tokens ? payload : redactMessage(payload) }),
        );
        this.#messages++;
      } else if (item.kind === "gap" || item.kind === "restart") {
        await writer.add(ENTRY.note, atMs, noteEntry(item));
      }
    }
  }

  stop(): void {
    this.#stream.close();
  }
}
