/** Help of the commands that ask running services. MAIN THREAD. */
import { CHECK_OPTION_LIST } from "../../config/check-options.ts";
import { DOCTOR_OPTIONS } from "../../config/doctor-options.ts";
import { PERF_OPTION_LIST } from "../../config/perf-options.ts";
import { SERVICE_URL } from "../../config/service-url.ts";
import { TOP_OPTION_LIST } from "../../config/top-options.ts";
import type { HelpPage } from "../help.ts";
import { HELP_SWITCH } from "./parts.ts";

export const TOP_PAGE: HelpPage = {
  examples: [
    { command: ["kvcast top"], says: `Watch the service at ${SERVICE_URL}; q quits, p pauses.` },
    { command: ["kvcast top http://host:8081 --once"], says: "How it is now, as plain text." },
    {
      command: ["kvcast top --once --json | jq '.stages[] | select(.state == \"bad\")'"],
      says: "For programs: the answer of /v1/live.",
    },
  ],
  usage: "kvcast top [URL] [options]",
  summary:
    "Shows in a terminal what the live page of a running kvcast serve shows: the way of the events with rates and losses, " +
    "engines and their cache, checks with what to do, and the newest events. Waits for a service that restarts.",
  options: TOP_OPTION_LIST,
  sections: [
    {
      title: "Switches",
      items: [
        { name: "--once", says: "Print how it is now, and end." },
        { name: "--json", says: "With --once: print the answer as it comes." },
      ],
    },
    { title: "Other", items: [HELP_SWITCH] },
    {
      title: "Exit codes",
      items: [
        { name: "0", says: "It was left with q, Ctrl-C or a signal, or has printed." },
        { name: "69", says: "There is no such service, or it shows no live view; later it is waited for." },
        { name: "78", says: "A value is not allowed, or there is no terminal and no --once." },
      ],
    },
  ],
};

export const PERF_PAGE: HelpPage = {
  examples: [
    { command: ["kvcast perf"], says: `The slowest requests that the service at ${SERVICE_URL} knows of.` },
    {
      command: ["kvcast perf http://host:8081 --sort queue --since 300 --limit 5"],
      says: "Who waited longest in the last five minutes.",
    },
    {
      command: ["kvcast perf --phase transfer --min 1"],
      says: "Requests of a second and more that spent most of it on their cache's way from a prefill server.",
    },
    {
      command: ["kvcast perf --json | jq .percentiles.ttft"],
      says: "For programs: one JSON object, the answer of /v1/perf/requests.",
    },
  ],
  usage: "kvcast perf [URL] [options]",
  summary:
    "Asks a running kvcast serve for finished requests: where their time went (queue, KV transfer, prefill, decode), what they " +
    "found in the cache, and what the whole engine's cache did meanwhile. The engine must keep records of its requests: " +
    "return_perf_metrics: true and perf_metrics_max_requests: 1000.",
  options: PERF_OPTION_LIST,
  sections: [
    { title: "Other", items: [{ name: "--json", says: "Print the answer as it comes." }, HELP_SWITCH] },
    {
      title: "Exit codes",
      items: [
        { name: "0", says: "It was asked and answered, also where no request matches." },
        { name: "2", says: "Wrong usage; 78 for a value that is not allowed." },
        {
          name: "69",
          says: "There is no such service, or none of its engines gives performance data; the message says which setting is missing.",
        },
      ],
    },
  ],
};

export const CHECK_PAGE: HelpPage = {
  examples: [
    {
      command: ["kvcast check"],
      says: `Whether events flow through the service at ${SERVICE_URL}; exit code 0 if they do.`,
    },
    {
      command: ["kvcast check http://host:8081 --probe ready --timeout 2"],
      says: "For the exec probe of a container.",
    },
    {
      command: ["kvcast check http://host:8081 --format nagios"],
      says: "For Nagios, Icinga and Zabbix: one line with performance data, exit codes 0 to 3.",
    },
    {
      command: ["kvcast check --format json | jq '.checks[] | select(.ok == false)'"],
      says: "What is wrong, for programs.",
    },
  ],
  usage: "kvcast check [URL] [options]",
  summary: "Asks a running kvcast serve or consolidate how it is, and answers with its exit code.",
  options: CHECK_OPTION_LIST,
  sections: [
    { title: "Other", items: [HELP_SWITCH] },
    {
      title: "Exit codes of text and json",
      items: [
        { name: "0", says: "It is as it should be; warnings are printed, and do not count." },
        { name: "10", says: "It is not, and the output says why." },
        { name: "69", says: "There is no such service." },
        { name: "2, 78", says: "Wrong usage, or a value that is not allowed." },
      ],
    },
  ],
};

export const DOCTOR_PAGE: HelpPage = {
  examples: [
    {
      command: ["kvcast doctor --engine http://127.0.0.1:8000 --kv-block-size 32"],
      says: "An engine and this machine, before kvcast serve is started with the same options.",
    },
    {
      command: ["kvcast doctor --config kvcast.yaml"],
      says: "All that a configuration names, and the service that runs with it.",
    },
    {
      command: ['kvcast doctor --publisher "tcp://host:5557?replay=tcp://host:5558" --seconds 10'],
      says: "Any publisher of KV events: its form, numbers, ranks, ages, replay, and which readers would refuse it.",
    },
    {
      command: ["kvcast doctor --engine http://127.0.0.1:8000 --drain"],
      says: "Take events from the engine for a while, to see whether somebody else takes half of them. Nobody else gets those.",
    },
    {
      command: ["kvcast doctor --json --strict | jq '.findings[] | select(.status != \"ok\")'"],
      says: "For programs: warnings count too.",
    },
  ],
  usage: "kvcast doctor [--publisher EP …] [options of kvcast serve]",
  summary:
    "Examines what kvcast serve would run with, and says what is wrong, why it matters, and what to set: the machine, the " +
    "configuration, the addresses, a service that runs already, the engines, publishers over ZMQ, and NATS. It takes all " +
    "options, variables and files of serve. It changes nothing, and without --drain takes nothing from anybody.",
  options: Object.values(DOCTOR_OPTIONS),
  sections: [
    {
      title: "Other",
      items: [
        { name: "--drain", says: "Also read the engines' events, which are lost for whoever reads them otherwise." },
        { name: "--json", says: "One JSON object at the end, in place of the text." },
        { name: "--strict", says: "Exit code 1 where something is only to be warned of." },
        { name: "options of serve", says: "kvcast help serve lists them." },
        HELP_SWITCH,
      ],
    },
    {
      title: "Exit codes",
      items: [
        { name: "0", says: "Nothing failed." },
        { name: "1", says: "--strict, and there are warnings." },
        { name: "10", says: "Something failed." },
        {
          name: "2, 78",
          says: "Wrong usage; a value of the doctor's own options that is not allowed. One of serve's is a finding.",
        },
      ],
    },
  ],
};
