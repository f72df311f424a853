/**
 * The list of events that a drain answers: each entry becomes a `RawEvent`. MAIN THREAD.
 */
import { ListScanner } from "./list-scanner.ts";
import type { RawEvent } from "./raw-event.ts";
import { scanEntry } from "./scan-entry.ts";

export type { ScanStep } from "./list-scanner.ts";

export class EventScanner extends ListScanner<RawEvent> {
  constructor() {
    super(scanEntry);
  }
}
