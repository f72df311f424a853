/** The process: processor, memory, threads, HTTP, log. */
import { type Board, rateBy, series, stat, state } from "./board-model.ts";

export const RUNTIME: Board = {
  name: "runtime",
  title: "kvcast / Runtime",
  says: "The process itself: what it costs, whether its threads live, who asks it.",
  rows: [
    {
      title: "Process",
      panels: [
        series("CPU", "percentunit", "Cores in use, user and system.", [
          [rateBy("process_cpu_user_seconds_total", "$t", "instance"), "{{instance}} user"],
          [rateBy("process_cpu_system_seconds_total", "$t", "instance"), "{{instance}} system"],
        ]),
        series(
          "Memory",
          "bytes",
          "Resident, heap in use, and outside the heap. The start card has the bound for events.",
          [
            ["process_resident_memory_bytes{$t}", "{{instance}} resident"],
            ["nodejs_heap_size_used_bytes{$t}", "{{instance}} heap"],
            ["nodejs_external_memory_bytes{$t}", "{{instance}} external"],
          ],
        ),
        series("File descriptors", "short", "Open, and the most that may be.", [
          ["process_open_fds{$t}", "{{instance}} open"],
          ["process_max_fds{$t}", "{{instance}} limit"],
        ]),
        series(
          "Main loop, p99",
          "s",
          "Node samples it every 50 ms and counts these in: 0.05 is on time.",
          [["nodejs_eventloop_lag_p99_seconds{$t}", "{{instance}}"]],
          { yellow: 0.1, red: 0.15 },
        ),
        series(
          "Garbage collection",
          "percentunit",
          "Share of the time, by kind.",
          [[rateBy("nodejs_gc_duration_seconds_sum", "$t", "kind"), "{{kind}}"]],
          { idle: "None yet" },
        ),
        stat(
          "Runs since",
          "s",
          "Time since the start, and since the run of sequence numbers began, which is longer ago with --state-dir.",
          [
            ["max by (instance) (dynamo_component_uptime_seconds{$t})", "{{instance}}"],
            ["time() - kvcast_epoch_start_timestamp_seconds{$t}", "{{instance}} numbers"],
          ],
          { width: 4 },
        ),
        stat(
          "Version",
          "none",
          "Of kvcast and Node.",
          [["count by (version, node) (kvcast_build_info{$t})", "kvcast {{version}}, Node {{node}}"]],
          { width: 4 },
        ),
      ],
    },
    {
      title: "Health",
      panels: [
        state(
          "Checks",
          "bool_yes_no",
          "No while a check fails, or waits for something to be known. docs/health.md says which of them keep the service from being ready.",
          [["min by (check) (kvcast_ready{$t})", "{{check}}"]],
        ),
        series(
          "Changes of checks",
          "cps",
          "Times that a check began to fail or ceased to; the log has the reason.",
          [[rateBy("kvcast_ready_changes_total", "$t", "check"), "{{check}}"]],
          { width: 6 },
        ),
        series(
          "Canaries",
          "cps",
          "By how they ended. Normal is ok.",
          [[rateBy("kvcast_health_probe_total", "$e", "engine, outcome"), "{{engine}} {{outcome}}"]],
          { width: 6, absent: "No canaries" },
        ),
      ],
    },
    {
      title: "Threads",
      panels: [
        state(
          "Threads up",
          "bool_yes_no",
          "No while a thread is being replaced.",
          [["kvcast_worker_up{$t}", "{{instance}} {{worker}}"]],
          { width: 8 },
        ),
        series(
          "Publisher's heartbeat",
          "s",
          "Time since the publisher thread last looked around. Above a few seconds it hangs.",
          [["time() - kvcast_worker_heartbeat_timestamp_seconds{$t}", "{{instance}} {{worker}}"]],
          { yellow: 2, red: 10 },
        ),
        series("Threads replaced", "cps", "By reason. oom: too little memory for the thread; heartbeat: it hung.", [
          [rateBy("kvcast_worker_restarts_total", "$t", "worker, reason"), "{{worker}} {{reason}}"],
        ]),
        series("Main thread stood still", "cps", "Times that it did not turn for more than 1.5 s. Normal is 0.", [
          [rateBy("kvcast_main_stalls_total", "$t", "instance"), "{{instance}}"],
        ]),
        series("The longest standstill", "s", "0 without one; and 1 right after one.", [
          ["kvcast_main_longest_stall_seconds{$t}", "{{instance}} longest"],
          ["kvcast_main_stalled{$t}", "{{instance}} now"],
        ]),
      ],
    },
    {
      title: "HTTP, log, scrapes",
      panels: [
        series("Requests", "reqps", "By handler and status.", [
          [rateBy("kvcast_http_requests_total", "$t", "handler, code"), "{{handler}} {{code}}"],
        ]),
        series("Log lines", "cps", "By level.", [[rateBy("kvcast_log_messages_total", "$t", "level"), "{{level}}"]]),
        series(
          "Time for a scrape",
          "s",
          "As Prometheus sees it. It waits for the engines' pages up to --engine-metrics-timeout; main thread is what the page cost kvcast itself.",
          [
            ["scrape_duration_seconds{$t}", "{{instance}}"],
            ["kvcast_metrics_collect_duration_seconds{$t}", "{{instance}} main thread"],
          ],
        ),
        series("Samples a scrape", "short", "The engines' own metrics among them.", [
          ["scrape_samples_scraped{$t}", "{{instance}}"],
        ]),
      ],
    },
  ],
};
