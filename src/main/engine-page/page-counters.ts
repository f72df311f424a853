/** What is counted of one engine's page. MAIN THREAD, plain fields. */
import { zeros } from "../metrics/zeros.ts";
import { noRefusals, type RefusalCounts } from "../expfmt/refusal.ts";

export const FETCH_OUTCOMES = [
  "ok",
  // The engine has no such page: it is off there.
  "not_found",
  "connect",
  "timeout",
  "http_status",
  "decode",
  "oversize",
  // It ends in the middle of a line.
  "truncated",
] as const;
export type FetchOutcome = (typeof FETCH_OUTCOMES)[number];

export class PageCounters {
  /** The `engine` label. */
  readonly engine: string;
  readonly fetches: Record<FetchOutcome, number> = zeros(FETCH_OUTCOMES);
  /** Lines that were refused, over all pages. */
  readonly refused: RefusalCounts = noRefusals();
  /** 1 while the last fetch succeeded. */
  up: number = 0;
  /** Of the last page that was read. */
  bytes: number = 0;
  series: number = 0;
  /** Time that reading it took on the main thread, and fetching it all together; seconds. */
  parseSeconds: number = 0;
  fetchSeconds: number = 0;

  constructor(engine: string) {
    this.engine = engine;
  }
}
