/** Alerts about the service itself: its targets, threads, files, clock. MAIN THREAD; data. */
import type { RuleGroup } from "./rule-model.ts";

export const SERVICE_ALERTS: RuleGroup = {
  name: "kvcast.service",
  rules: [
    {
      alert: "KvcastTargetDown",
      expr: "up{$job} == 0",
      for: "2m",
      severity: "critical",
      summary: "A kvcast does not answer Prometheus.",
      description: "{{ $labels.instance }} of {{ $labels.job }} has not answered a scrape for 2 minutes.",
    },
    {
      alert: "KvcastTargetVanished",
      // A version that changes is no other target, and one that is down has an alert of its own. Where as many are there as
      // before, as after a rollout on Kubernetes, none is missing.
      expr: [
        "(max without (version, node) (kvcast_build_info{$job} offset 15m))",
        "unless max without (version, node) (kvcast_build_info{$job})",
        "unless on (job, instance) up{$job}",
        "unless on (job) (",
        "  count by (job) (kvcast_build_info{$job}) >= count by (job) (kvcast_build_info{$job} offset 15m)",
        ")",
      ].join("\n"),
      for: "5m",
      severity: "warning",
      summary: "A kvcast that was there is not known to Prometheus any more.",
      description: "{{ $labels.instance }} of {{ $labels.job }} was scraped 15 minutes ago and is no target now.",
    },
    {
      alert: "KvcastNotReady",
      expr: "kvcast_ready{$job} == 0",
      for: "5m",
      severity: "warning",
      summary: "A check of a kvcast fails.",
      description: "The check {{ $labels.check }} of {{ $labels.instance }} has failed for 5 minutes.",
    },
    {
      alert: "KvcastCrashLooping",
      expr: "changes(process_start_time_seconds{$job}[15m]) > 2",
      severity: "critical",
      summary: "A kvcast is started again and again.",
      description: "{{ $labels.instance }} was started {{ $value }} times within 15 minutes.",
    },
    {
      alert: "KvcastHealthProbeFailing",
      // Three at least, so that one lost probe is nothing; it ends when there was none for ten minutes.
      expr: 'sum without (outcome) (increase(kvcast_health_probe_total{$job,outcome!="ok"}[5m])) >= 3',
      keepFiringFor: "10m",
      severity: "critical",
      summary: "Probes of an engine fail.",
      description:
        "{{ $value | humanize }} probes of engine {{ $labels.engine }} failed within 5 minutes, as {{ $labels.instance }} sees it.",
    },
    {
      alert: "KvcastWorkerRestarting",
      expr: "sum without (reason) (increase(kvcast_worker_restarts_total{$job}[15m])) > 2",
      severity: "warning",
      summary: "A thread of kvcast dies again and again.",
      description:
        "Thread {{ $labels.worker }} of {{ $labels.instance }} was replaced {{ $value | humanize }} times within 15 minutes.",
    },
    {
      alert: "KvcastEventLoopBlocked",
      // Node samples the loop every 50 ms and counts that in: 0.15 is a tenth of a second late.
      expr: [
        "nodejs_eventloop_lag_p99_seconds{$job} > 0.15",
        "or",
        "increase(kvcast_main_stalls_total{$job}[10m]) > 0",
      ].join("\n"),
      for: "5m",
      severity: "warning",
      summary: "The main thread of kvcast is late.",
      description:
        "The main thread of {{ $labels.instance }} is held up: engines are read late, and scrapes answered late.",
    },
    {
      alert: "KvcastFileDescriptorsHigh",
      expr: "process_open_fds{$job} / process_max_fds{$job} > 0.8",
      for: "5m",
      severity: "warning",
      summary: "A kvcast is running out of file descriptors.",
      description: "{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its file descriptors.",
    },
    {
      alert: "KvcastClockSkew",
      expr: "increase(kvcast_event_age_negative_total{$job}[10m]) > 0",
      for: "10m",
      severity: "info",
      summary: "The clock of an engine is ahead of kvcast's.",
      description:
        "Events of engine {{ $labels.engine }} are dated in the future of {{ $labels.instance }}: their age counts as 0.",
    },
  ],
};
