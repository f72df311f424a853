/** A recording that is being made, whatever of. MAIN THREAD; types only. */
import type { RecordingWriter } from "./recording-writer.ts";

/** Where what is recorded goes. */
export interface RecordSink {
  readonly writer: Pick<RecordingWriter, "add">;
  /** Token ids and salts are kept. */
  readonly tokens: boolean;
  /** Milliseconds since the start. */
  elapsedMs(): number;
  /** Tells the user something. */
  say(text: string): void;
}

export interface RecordingRun {
  /** Until `stop()`. Rejects when the file cannot be written. */
  run(): Promise<void>;
  stop(): void;
  /** How far it is, for people. */
  readonly text: string;
  /** The same for programs. */
  readonly counts: Readonly<Record<string, number>>;
}
