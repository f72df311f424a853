/** The help pages of the commands: examples and words; the options come from their tables. MAIN THREAD. */
import type { OptionSpec } from "../config/option-spec.ts";
import { CLUSTER_COMMAND_OPTION_LIST } from "../config/cluster-options.ts";
import { CHECK_OPTION_LIST } from "../config/check-options.ts";
import { CONSOLIDATE_OPTION_LIST } from "../config/consolidate-options.ts";
import { DOCTOR_OPTIONS } from "../config/doctor-options.ts";
import { FLOOD_OPTION_LIST } from "../config/flood-options.ts";
import { INDEX_OPTION_LIST } from "../config/index-options.ts";
import { SERVE_OPTION_LIST } from "../config/options.ts";
import { PERF_OPTION_LIST } from "../config/perf-options.ts";
import { SERVICE_URL } from "../config/service-url.ts";
import { SIM_OPTION_LIST } from "../config/sim-options.ts";
import { TAIL_ENDPOINT, TAIL_OPTION_LIST } from "../config/tail-options.ts";
import { TRAFFIC, TRAFFIC_NAMES } from "../config/traffic-options.ts";
import type { HelpPage, Item } from "./help.ts";

const HELP_SWITCH: Item = { name: "-h, --help", says: "Print this and exit." };

/** Exit codes of all commands, for help and documentation. */
export const EXIT_CODES: readonly Item[] = [
  {
    name: "0",
    says:
      "All went well; for serve, consolidate, index, sim and tail: they were told to stop, and did; for tail also: --count is reached; " +
      "for flood: everything arrived.",
  },
  {
    name: "1",
    says:
      "Something failed that should not have; the message says what. For flood also: events were lost, or the books of " +
      "the service do not balance. For cluster also: all workers have answered, and one could not do it. For doctor: --strict, and there are warnings.",
  },
  { name: "2", says: "Wrong usage: an unknown command or flag, or a flag without its value." },
  { name: "3", says: "flood: the rate of --min-rate was not reached." },
  { name: "10", says: "check: the service is not as it should be; doctor: something failed." },
  {
    name: "69",
    says: "Something outside is missing: an address that is taken or is not this machine's, a state directory that another process uses, a publisher that tail or flood cannot reach, a service that check or perf asks, performance data that perf asks for, a worker that cluster had no answer from, files that may be open, a file that cannot be written.",
  },
  { name: "78", says: "A value in a flag, variable or file is not allowed; the message names it and what is." },
  {
    name: "130, 143",
    says:
      "Ended by a second SIGINT or SIGTERM, without waiting for what was under way; flood and cluster also by the first, " +
      "because a test that was cut short has shown nothing, and a worker that was not waited for may have done it or not.",
  },
];

const TRAFFIC_ITEMS: readonly Item[] = TRAFFIC_NAMES.map((name) => {
  const { type, default: text, defaultNote, help } = TRAFFIC[name];
  return { name, says: `${help} Takes ${type.takes}. Default: ${text ?? defaultNote ?? "none"}.` };
});

export const ROOT_PAGE: HelpPage = {
  examples: [
    {
      command: ["kvcast serve --engine http://127.0.0.1:8000"],
      says: "Publish the KV-cache events of a trtllm-serve on this machine.",
    },
    {
      command: ['kvcast serve --engine "synthetic:?rate=1000"'],
      says: "Try it without an engine: events come from a built-in one.",
    },
    {
      command: ["kvcast consolidate --engine-endpoint tcp://127.0.0.1:20081"],
      says: "One stream out of several publishers, without what is told twice.",
    },
    {
      command: ['kvcast index --block-size 32 --workers "1=tcp://127.0.0.1:20081"'],
      says: "The router's side: an index that answers who has which part of a prompt.",
    },
    { command: ["kvcast sim --port 8000"], says: "Run a stand-in for trtllm-serve, for tests and demos." },
    { command: ["kvcast flood"], says: "A load test: how many events a second this machine can publish." },
    { command: ["kvcast tail"], says: "Print what is published, event by event." },
    { command: ["kvcast perf"], says: "The slowest requests of an engine, and where their time went." },
    {
      command: ["kvcast rules export"],
      says: "Alert rules for Prometheus; scrape-config and dashboards are its neighbours.",
    },
    { command: ["kvcast cluster status"], says: "How all services of a cluster are." },
    {
      command: ["kvcast doctor --engine http://127.0.0.1:8000"],
      says: "Something is wrong: find out what, why, and what to set.",
    },
    { command: ["kvcast help serve"], says: "All options of a command." },
  ],
  usage: "kvcast COMMAND [options]",
  summary: "Publishes the KV-cache events of TensorRT-LLM engines over ZMQ, with Prometheus metrics.",
  options: [],
  sections: [
    {
      title: "Commands",
      items: [
        { name: "serve", says: "Read an engine's events and publish them." },
        { name: "index", says: "Subscribe to publishers, and answer who has which part of a prompt." },
        { name: "sim", says: "Stand in for a trtllm-serve." },
        { name: "tail [EP]", says: "Subscribe to a publisher, and print its events." },
        { name: "perf [URL]", says: "Ask a running service for its slow requests." },
        { name: "cluster COMMAND", says: "Command all services of a cluster." },
        { name: "check [URL]", says: "Probe a running service, for scripts and monitoring." },
        { name: "doctor", says: "Examine engine, publishers, NATS and machine." },
        { name: "flood", says: "Load a pipeline, and verify and measure what arrives." },
        { name: "scrape-config", says: "Print how Prometheus scrapes a service." },
        { name: "rules export", says: "Print alert rules for Prometheus." },
        { name: "dashboards export", says: "Print boards for Grafana." },
        { name: "help [COMMAND]", says: "Print help." },
      ],
    },
    { title: "Other", items: [HELP_SWITCH, { name: "-V, --version", says: "Print the version and exit." }] },
    { title: "Exit codes", items: EXIT_CODES },
  ],
};

export const SERVE_PAGE: HelpPage = {
  examples: [
    {
      command: ["kvcast serve --engine http://127.0.0.1:8000 --kv-block-size 32"],
      says: "Publish the KV-cache events of a trtllm-serve on this machine, on tcp://127.0.0.1:20081.",
    },
    {
      command: ['kvcast serve --engine "synthetic:?rate=1000&blocks=2"'],
      says: "Try it without an engine: a built-in one makes 1000 events a second.",
    },
    {
      command: [
        "kvcast serve --engine prod-a=https://trtllm.example:8443",
        "--engine-header-file /run/secrets/engine-headers",
        '--zmq-endpoint "tcp://*:20081" --system-host 0.0.0.0',
      ],
      says: "An engine behind TLS and a token, for subscribers and Prometheus on other machines.",
    },
    {
      command: ["kvcast serve --engine a=http://127.0.0.1:8000 --engine b=http://127.0.0.1:8001 --attention-dp-size 2"],
      says: "Two engines in one stream: the ranks of a stay 0 and 1, those of b are published as 2 and 3.",
    },
    {
      command: ["KVCAST_CONFIG=kvcast.yaml DYN_SYSTEM_PORT=9090 kvcast serve --log-format json"],
      says: "Options from a file, a variable and a flag; a flag goes before a variable, a variable before the file.",
    },
  ],
  usage: "kvcast serve --engine [NAME=]URL [--engine …] [options]",
  summary:
    "Reads the KV-cache events of one engine or several, brings them into the form that routers expect, and publishes them " +
    "over ZMQ. Runs until SIGTERM or SIGINT.",
  options: SERVE_OPTION_LIST,
  sections: [
    { title: "Parameters of --engine synthetic:?NAME=VALUE&…", items: TRAFFIC_ITEMS },
    { title: "Other", items: [HELP_SWITCH] },
  ],
};

export const CONSOLIDATE_PAGE: HelpPage = {
  examples: [
    {
      command: ["kvcast consolidate --engine-endpoint tcp://127.0.0.1:20081"],
      says: "One clean stream out of what an engine's publisher sends, on tcp://127.0.0.1:57001.",
    },
    {
      command: [
        "kvcast consolidate --engine-endpoint trtllm=tcp://127.0.0.1:20081",
        "--engine-endpoint kvbm=tcp://127.0.0.1:20091 --output-endpoint tcp://127.0.0.1:57001",
      ],
      says: "An engine, and the host and disk tiers behind it: a block is told of once, and removed when the last copy is gone.",
    },
    {
      command: [
        'kvcast consolidate --engine-endpoint "tcp://host:20081?replay=tcp://host:20082"',
        "--drain-interval 0 --replay-endpoint tcp://127.0.0.1:57002",
      ],
      says: "Messages that were missed are fetched again, and can be fetched again here; nothing is held back.",
    },
  ],
  usage: "kvcast consolidate --engine-endpoint [KIND=]EP [--engine-endpoint …] [options]",
  summary:
    "Subscribes to what engines publish over ZMQ, removes what is told twice, across engines and tiers, and publishes one " +
    "stream over ZMQ or NATS. Runs until SIGTERM or SIGINT.",
  options: CONSOLIDATE_OPTION_LIST,
  sections: [{ title: "Other", items: [HELP_SWITCH] }],
};

export const INDEX_PAGE: HelpPage = {
  examples: [
    {
      command: ['kvcast index --block-size 32 --workers "1=tcp://127.0.0.1:20081,2=tcp://127.0.0.1:20083"'],
      says: "Two publishers; queries go to http://127.0.0.1:8090.",
    },
    {
      command: ["kvcast index --block-size 32", '--workers "1=tcp://host:20081?replay=tcp://host:20082&sync=on"'],
      says: "Begin with a snapshot of what is there already (serve --snapshot --snapshot-tokens on), and fetch what was missed.",
    },
    {
      command: ["kvcast index --block-size 32 --nats --nats-url nats://127.0.0.1:4222 --component backend"],
      says: "All workers of a component, over Dynamo's event plane, and their load.",
    },
    {
      command: [
        "curl -s -H 'Content-Type: application/json' http://127.0.0.1:8090/query",
        `-d '{"model_name": "default", "token_ids": [1, 2, 3]}'`,
      ],
      says: "Ask how many tokens of a prompt each worker has.",
    },
  ],
  usage: "kvcast index [options]",
  summary:
    "Subscribes to publishers of KV events over ZMQ or NATS, keeps who holds which blocks, and answers over HTTP how much of a " +
    "prompt each worker has, and which should get it. Runs until SIGTERM or SIGINT.",
  options: INDEX_OPTION_LIST,
  sections: [{ title: "Other", items: [HELP_SWITCH] }],
};

export const SIM_PAGE: HelpPage = {
  examples: [
    {
      command: ["kvcast sim --port 8000 --rate 500"],
      says: "500 events a second, for kvcast serve --engine http://127.0.0.1:8000.",
    },
    {
      command: ["kvcast sim --events 100000 --rate max"],
      says: "A fixed number of events, as fast as they are fetched.",
    },
    {
      command: ["kvcast sim --fault gap:1% --fault slow"],
      says: "An engine that loses one event in a hundred and answers slowly.",
    },
    { command: ["kvcast sim --port 0 --json"], says: "Any free port; the address comes as a line of JSON on stdout." },
  ],
  usage: "kvcast sim [options]",
  summary:
    "Stands in for a trtllm-serve: the same HTTP interface, with made-up events and faults on demand. " +
    "Runs until SIGTERM or SIGINT.",
  options: SIM_OPTION_LIST,
  sections: [
    {
      title: "Other",
      items: [{ name: "--json", says: 'Print {"url":…} on stdout once it listens.' }, HELP_SWITCH],
    },
  ],
};

export const TAIL_PAGE: HelpPage = {
  examples: [
    {
      command: ["kvcast tail tcp://127.0.0.1:20081"],
      says: "Print each event as a line, and each gap in the sequence.",
    },
    {
      command: ["kvcast tail tcp://host:20081 --replay tcp://host:20082"],
      says: "Fetch what was missed from the publisher's replay socket.",
    },
    {
      command: ["kvcast tail tcp://host:20081 --replay tcp://host:20082 --sync --stats"],
      says: "Begin with the blocks that are there already; rates, losses and live blocks of each rank, every second.",
    },
    {
      command: ["kvcast tail --json --type stored --rank 0 --count 100 | jq .hashes"],
      says: "For programs: one JSON object a line. Ends after 100 events.",
    },
  ],
  usage: "kvcast tail [EP] [options]",
  summary:
    `Subscribes to the publisher at EP (${TAIL_ENDPOINT} if left out), in any dialect, and prints what comes: data on ` +
    "stdout, talk on stderr. Block hashes are unsigned, in hexadecimal digits; decimal in JSON. Messages that are missing " +
    "are fetched by replay, or named as lost. Runs until SIGTERM or SIGINT.",
  options: TAIL_OPTION_LIST,
  sections: [
    {
      title: "Switches",
      items: [
        {
          name: "--sync",
          says:
            "Take a snapshot of the live blocks first (serve --snapshot), and again after a loss, a restart or a new " +
            "connection. Needs --replay. Without a snapshot at the start: exit code 69.",
        },
        {
          name: "--stats",
          says: "Rates and totals each second, instead of events. Lag is now less a message's time stamp.",
        },
        { name: "--json", says: "One JSON object a line." },
        { name: "--tokens", says: "Print token ids and cache salts too. They are people's prompts." },
      ],
    },
    { title: "Other", items: [HELP_SWITCH] },
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

const CLUSTER_ITEMS: readonly Item[] = [
  {
    name: "status",
    says: "Whether it is ready, and if not why; epoch, last sequence number, engines and sinks that are up.",
  },
  {
    name: "drain",
    says: "Read the engines no more, publish what was taken, then answer. Lasts until that service is started anew.",
  },
  { name: "clear", says: "Publish AllBlocksCleared for every rank. The engines keep their blocks." },
  {
    name: "snapshot-epoch",
    says: "Epoch, last sequence number, and live blocks where there is an index (--snapshot).",
  },
  { name: "log-level LEVEL", says: "Log from this level on: trace, debug, info, warn, error." },
];

export const CLUSTER_PAGE: HelpPage = {
  examples: [
    {
      command: ["kvcast cluster status"],
      says: "How all services are that run with --cluster-leader on this machine.",
    },
    {
      command: ["kvcast cluster drain --cluster-size 8 --timeout 30"],
      says: "Before an upgrade: nothing is read any more, everything taken is published; exit code 69 unless all eight say so.",
    },
    {
      command: ["kvcast cluster status --cluster-leader tcp://10.0.0.1:56001"],
      says: "On the machine 10.0.0.1, for services that were given this address.",
    },
    {
      command: ["kvcast cluster snapshot-epoch --json | jq -r 'select(.worker) | [.worker, .answer.epoch] | @tsv'"],
      says: "For programs: a line of JSON for each worker, and one at the end.",
    },
  ],
  usage: "kvcast cluster COMMAND [options]",
  summary:
    "Leads the cluster for the time of one command: every kvcast serve with --cluster-leader carries it out, and each answer is " +
    "printed as it comes.",
  options: CLUSTER_COMMAND_OPTION_LIST,
  sections: [
    { title: "Commands", items: CLUSTER_ITEMS },
    { title: "Other", items: [{ name: "--json", says: "One JSON object a line." }, HELP_SWITCH] },
    {
      title: "Exit codes",
      items: [
        { name: "0", says: "All workers have done it." },
        { name: "1", says: "All have answered, and one could not do it or would not; its line says why." },
        { name: "2", says: "Wrong usage; 78 for a value that is not allowed." },
        {
          name: "69",
          says: "A worker has not answered or never came, there is none at all, or the addresses cannot be bound.",
        },
        { name: "130, 143", says: "Cut short by SIGINT or SIGTERM; what was answered until then is printed." },
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

export const FLOOD_PAGE: HelpPage = {
  examples: [
    { command: ["kvcast flood"], says: "As fast as it goes for 10 s: kvcast serve on its built-in engine." },
    {
      command: ["kvcast flood --source sim --rate 20000 --blocks 1"],
      says: "The way that an engine's events take: kvcast sim, HTTP, kvcast serve, a subscriber.",
    },
    {
      command: ["kvcast flood --profile ramp -- --wire-format dynamo --encoders 2"],
      says: "The highest rate that is kept up with, in this dialect; what is behind -- is for kvcast serve.",
    },
    {
      command: [
        "kvcast flood --zmq-endpoint tcp://127.0.0.1:20081",
        "--metrics-url http://127.0.0.1:8081 --duration 60",
      ],
      says: "Watch a service that runs, under the load that it has.",
    },
    {
      command: ["kvcast flood --rate 10000 --min-rate 9500 --json | jq .age_ms.warm.p99"],
      says: "For programs: exit code 3 when fewer than 9500 events a second come, 1 when any is lost.",
    },
  ],
  usage: "kvcast flood [options] [-- options of kvcast serve]",
  summary:
    "Loads a pipeline, receives everything in a process of its own, verifies every sequence number and the books of the " +
    "service, and prints what was measured: rate, loss, age of the events on arrival, CPU and memory.",
  options: FLOOD_OPTION_LIST,
  sections: [
    { title: "Other", items: [{ name: "--json", says: "Print one JSON object." }, HELP_SWITCH] },
    {
      title: "Exit codes",
      items: [
        { name: "0", says: "Everything arrived." },
        { name: "1", says: "Events were lost, the books do not balance, or the test failed." },
        { name: "2", says: "Wrong usage; 78 for a value that is not allowed." },
        { name: "3", says: "Everything arrived, and the rate of --min-rate was not reached." },
        { name: "69", says: "There is no such service, or it publishes nothing." },
        { name: "130, 143", says: "Cut short by SIGINT or SIGTERM; what was measured until then is printed." },
      ],
    },
  ],
};

/** Names of a table's options as flags, for "is this a flag or a value". */
export function flagNames(options: readonly OptionSpec<unknown>[]): ReadonlySet<string> {
  return new Set(options.map((option) => `--${option.name}`));
}
