/**
 * What a bench case is: a name, a run that gives one figure, and perhaps a rival to be compared with. All cases, micro and
 * end to end, take this form, so that one loop runs them and one table shows them.
 */

/** What every run may use. */
export interface RunContext {
  /** Short runs: a look whether things are as they were, no figures to quote. */
  readonly quick: boolean;
  /** Says how far the run is; shown on a terminal and nowhere kept. */
  readonly progress: (text: string) => void;
}

/** The figures of one run. */
export interface RunResult {
  /** Units of the case a second. */
  readonly perSecond: number;
  /** Bytes a second, where the case is one of moving bytes. */
  readonly bytesPerSecond?: number;
  /** CPU time of the publishing process, microseconds an event, over the measured part. */
  readonly cpuMicrosPerEvent?: number;
  /** Most memory that the publishing process held, bytes. */
  readonly peakRssBytes?: number;
  /** Rate from the first message on, warm-up included. */
  readonly coldPerSecond?: number;
  /** From the publisher's last send to the subscriber's last receive, milliseconds. */
  readonly lagMs?: number;
}

export interface BenchCase {
  readonly name: string;
  /** What is counted, in the plural: events, blocks, slots. */
  readonly unit: string;
  /** Name of the case that this one is compared with; both must be in the run. */
  readonly rival?: string;
  /** Names of further ones; how it compares with them is said beside the table's columns. */
  readonly otherRivals?: readonly string[];
  /** Why it cannot run on this machine, null where it can. Such a case is left out and makes no run invalid. */
  readonly absence?: () => string | null;
  /** Throws when the run is not valid: something was lost, or does not add up. */
  run(context: RunContext): Promise<RunResult>;
}
