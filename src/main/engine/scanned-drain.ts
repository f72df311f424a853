/**
 * One drain of an endpoint that answers with a list in JSON, through a scanner. MAIN THREAD. For what is read of an engine beside its
 * events; the events' own source has more to do between two pieces.
 */
import type { Drain, DrainOutcome } from "./drain-client.ts";
import type { ScanError } from "./scan-error.ts";
import { failureOf, type PollFailure } from "./source-journal.ts";

export interface DrainScanner {
  readonly error: ScanError | null;
  begin(): void;
  push(chunk: Buffer): void;
  end(): void;
}

export interface DrainSteps {
  readonly onBytes: (count: number) => void;
  /** Takes out what the scanner has ready; false: no more is wanted. */
  readonly read: () => boolean | Promise<boolean>;
  readonly isStopping: () => boolean;
}

/** Resolves with how it went; a failure has one reason, null stands for none. Does not reject. */
export async function scanDrain(
  client: Drain,
  scanner: DrainScanner,
  { onBytes, read, isStopping }: DrainSteps,
): Promise<{ readonly outcome: DrainOutcome; readonly failure: PollFailure | null }> {
  scanner.begin();
  const outcome = await client.drain((chunk) => {
    onBytes(chunk.length);
    scanner.push(chunk);
    return read();
  });
  const refused = scanner.error;
  if (refused === null && !isStopping()) {
    scanner.end();
    await read();
  }
  return { outcome, failure: failureOf(outcome, refused, scanner.error) };
}
