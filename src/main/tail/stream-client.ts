/** The stream of one publisher, decoded: what `kvcast tail` and users of the library read. MAIN THREAD, or any program. */
import { delivered } from "./delivered.ts";
import { MessageStream } from "./message-stream.ts";
import type { BatchItem, MalformedItem } from "./stream-items.ts";
import type { StreamClientOptions } from "./stream-options.ts";

/** To be iterated over once. Leaving the loop, or `close`, frees the sockets. */
export class StreamClient extends MessageStream<BatchItem | MalformedItem> {
  /** Throws ConfigError when `sync` is given without `replayEndpoint`. */
  constructor(options: StreamClientOptions) {
    super(options, delivered);
  }
}
