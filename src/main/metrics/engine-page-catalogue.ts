/** The metrics about the pages of engines that go on ours. MAIN THREAD; data. */
import { type CatalogueSection, counter, gauge } from "./metric-definition.ts";

export const ENGINE_PAGE: CatalogueSection = {
  title: "Engine page",
  metrics: [
    gauge(
      "engine_page_up",
      ["engine"],
      "1 while the engine's own metrics page was read at the last try, 0 otherwise; series only for engines that are read " +
        "over HTTP, as all in this section.",
    ),
    gauge(
      "engine_page_age_seconds",
      ["engine"],
      "Age of the engine's own metrics on this page; no series while there are none. Above 1 the engine did not answer in time.",
    ),
    counter("engine_page_fetches_total", ["engine", "outcome"], "Tries to read the engine's metrics page, by outcome."),
    counter(
      "engine_page_refused_lines_total",
      ["engine", "reason"],
      "Lines of the engine's metrics page that are not on this one because they break its format, by reason. Should stay 0.",
    ),
    gauge("engine_page_bytes", ["engine"], "Bytes of the engine's metrics page as it was read last."),
    gauge("engine_page_series", ["engine"], "Series of the engine on this page, as it was read last."),
    gauge("engine_page_fetch_seconds", ["engine"], "Time that the last fetch took, from request to last byte."),
    gauge("engine_page_parse_seconds", ["engine"], "Part of that time in which the main thread read the page."),
  ],
};
