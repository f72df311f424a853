/** Scenarios of the alerts about the service itself. */
import type { AlertScenarios } from "./scenario.ts";

export const SERVICE_SCENARIOS: readonly AlertScenarios[] = [
  {
    alert: "KvcastTargetDown",
    firing: [
      {
        why: "it is gone for good",
        series: { up: "1x3 0x10" },
        at: "6m",
        labels: {},
        says: "w1:8081 of kvcast has not answered a scrape for 2 minutes.",
      },
    ],
    silent: [
      { why: "one scrape fails", series: { up: "1 1 1 0 1 1 1 1" }, at: "5m" },
      { why: "another job is down", series: { 'up{job="other"}': "0x10" }, at: "6m" },
    ],
  },
  {
    alert: "KvcastTargetVanished",
    firing: [
      {
        why: "one of two is no target any more",
        series: {
          'kvcast_build_info{version="1",node="20"}': "1x10 stale",
          'kvcast_build_info{version="1",node="20",instance="w2:8081"}': "1x60",
          'up{instance="w2:8081"}': "1x60",
        },
        at: "22m",
        labels: {},
        says: "w1:8081 of kvcast was scraped 15 minutes ago and is no target now.",
      },
    ],
    silent: [
      {
        why: "a new version on the same target",
        series: {
          'kvcast_build_info{version="1",node="20"}': "1x10 stale",
          'kvcast_build_info{version="2",node="20"}': "_x11 1x60",
          up: "1x60",
        },
        at: "22m",
      },
      {
        why: "a rollout: as many are there under other names",
        series: {
          'kvcast_build_info{version="1",node="20"}': "1x10 stale",
          'kvcast_build_info{version="2",node="20",instance="w9:8081"}': "_x11 1x60",
          'up{instance="w9:8081"}': "_x11 1x60",
        },
        at: "22m",
      },
      {
        why: "it is down, which has an alert of its own",
        series: { 'kvcast_build_info{version="1",node="20"}': "1x10 stale", up: "1x10 0x60" },
        at: "22m",
      },
    ],
  },
  {
    alert: "KvcastNotReady",
    firing: [
      {
        why: "one check fails for long",
        series: { 'kvcast_ready{check="engine"}': "1x2 0x10", 'kvcast_ready{check="sinks"}': "1x12" },
        at: "9m",
        labels: { check: "engine" },
        says: "The check engine of w1:8081 has failed for 5 minutes.",
      },
    ],
    silent: [{ why: "a restart", series: { 'kvcast_ready{check="engine"}': "1x2 0x2 1x10" }, at: "9m" }],
  },
  {
    alert: "KvcastCrashLooping",
    firing: [
      {
        why: "three starts in nine minutes",
        series: { process_start_time_seconds: "0 0 0 150 150 150 330 330 330 500 500 500 500" },
        at: "12m",
        labels: {},
        says: "w1:8081 was started 3 times within 15 minutes.",
      },
    ],
    silent: [
      {
        why: "two restarts",
        series: { process_start_time_seconds: "0 0 0 150 150 150 330 330 330 330 330" },
        at: "10m",
      },
    ],
  },
  {
    alert: "KvcastHealthProbeFailing",
    firing: [
      {
        why: "each probe fails",
        series: { 'kvcast_health_probe_total{outcome="timeout",engine="a"}': "0x5 1+1x20" },
        at: "12m",
        labels: { engine: "a" },
        says: "5 probes of engine a failed within 5 minutes, as w1:8081 sees it.",
      },
      {
        why: "within ten minutes of the last failures it is not over",
        series: { 'kvcast_health_probe_total{outcome="timeout",engine="a"}': "0x5 1+1x5 6x20" },
        at: "20m",
        labels: { engine: "a" },
        says: "3 probes of engine a failed within 5 minutes, as w1:8081 sees it.",
      },
    ],
    silent: [
      {
        why: "one probe fails among good ones",
        series: {
          'kvcast_health_probe_total{outcome="timeout",engine="a"}': "0x5 1x20",
          'kvcast_health_probe_total{outcome="ok",engine="a"}': "0+1x25",
        },
        at: "12m",
      },
      {
        why: "the recovery window is over",
        series: { 'kvcast_health_probe_total{outcome="timeout",engine="a"}': "0x5 1+1x5 6x40" },
        at: "35m",
      },
    ],
  },
  {
    alert: "KvcastWorkerRestarting",
    firing: [
      {
        why: "an encoder dies each few minutes",
        series: {
          'kvcast_worker_restarts_total{worker="encoder0",reason="oom"}': "0x2 1x4 2x4 3x4 4x4",
          'kvcast_worker_restarts_total{worker="encoder0",reason="exit"}': "0x20",
        },
        at: "18m",
        labels: { worker: "encoder0" },
        says: "Thread encoder0 of w1:8081 was replaced 3 times within 15 minutes.",
      },
    ],
    silent: [
      {
        why: "two threads died once each, and then the service was restarted",
        series: {
          'kvcast_worker_restarts_total{worker="encoder0",reason="oom"}': "0x2 1x4 0x10",
          'kvcast_worker_restarts_total{worker="publisher",reason="exit"}': "0x4 1x2 0x10",
        },
        at: "14m",
      },
    ],
  },
  {
    alert: "KvcastEventLoopBlocked",
    firing: [
      {
        why: "the loop is late all the time",
        series: { nodejs_eventloop_lag_p99_seconds: "0.051x2 0.4x10" },
        at: "9m",
        labels: {},
        says: "The main thread of w1:8081 is held up: engines are read late, and scrapes answered late.",
      },
      {
        why: "it stood still, and not for the first time",
        series: { kvcast_main_stalls_total: "0x2 1x3 2x10" },
        at: "10m",
        labels: {},
        says: "The main thread of w1:8081 is held up: engines are read late, and scrapes answered late.",
      },
    ],
    silent: [
      {
        why: "the sampling alone, and one late turn",
        series: { nodejs_eventloop_lag_p99_seconds: "0.051x3 0.3 0.051x10", kvcast_main_stalls_total: "0x14" },
        at: "9m",
      },
    ],
  },
  {
    alert: "KvcastFileDescriptorsHigh",
    firing: [
      {
        why: "nine of ten are open",
        series: { process_open_fds: "900x10", process_max_fds: "1000x10" },
        at: "7m",
        labels: {},
        says: "w1:8081 uses 90% of its file descriptors.",
      },
    ],
    silent: [
      { why: "a short peak", series: { process_open_fds: "100x3 900x2 100x10", process_max_fds: "1000x15" }, at: "8m" },
    ],
  },
  {
    alert: "KvcastClockSkew",
    firing: [
      {
        why: "events keep coming from the future",
        series: { 'kvcast_event_age_negative_total{engine="a"}': "0+3x30" },
        at: "15m",
        labels: { engine: "a" },
        says: "Events of engine a are dated in the future of w1:8081: their age counts as 0.",
      },
    ],
    silent: [
      {
        why: "a clock was set once",
        series: { 'kvcast_event_age_negative_total{engine="a"}': "0x3 5x30" },
        at: "16m",
      },
    ],
  },
];
