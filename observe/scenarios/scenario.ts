/**
 * What promtool is to find of an alert: series as they would be scraped, and whether it fires at a moment.
 *
 * Each alert has at least one scenario of either kind. A silent one is not just an idle service: it comes as near as it can to
 * what the alert is about (a restart, no traffic, a short outage).
 */

/** By series, without job and instance where these are the usual ones; values in promtool's notation, one a minute. */
export type InputSeries = Readonly<Record<string, string>>;

export interface Silent {
  /** What is shown. */
  readonly why: string;
  readonly series: InputSeries;
  /** The moment that is looked at, from the beginning: `12m`. */
  readonly at: string;
}

export interface Firing extends Silent {
  /** All labels but severity, and but job and instance where these are the usual ones; null: there is no such label. */
  readonly labels: Readonly<Record<string, string | null>>;
  /** The description, with its values filled in. */
  readonly says: string;
}

export interface AlertScenarios {
  readonly alert: string;
  readonly firing: readonly Firing[];
  readonly silent: readonly Silent[];
}

/** What has no labels of its own comes from here. */
export const USUAL_TARGET: Readonly<Record<string, string>> = { job: "kvcast", instance: "w1:8081" };
