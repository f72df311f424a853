/** Help of the commands that run until they are stopped. MAIN THREAD. */
import { CONSOLIDATE_OPTION_LIST } from "../../config/consolidate-options.ts";
import { INDEX_OPTION_LIST } from "../../config/index-options.ts";
import { SERVE_OPTION_LIST } from "../../config/options.ts";
import { SIM_OPTION_LIST } from "../../config/sim-options.ts";
import { TRAFFIC, TRAFFIC_NAMES } from "../../config/traffic-options.ts";
import type { HelpPage, Item } from "../help.ts";
import { HELP_SWITCH } from "./parts.ts";

const TRAFFIC_ITEMS: readonly Item[] = TRAFFIC_NAMES.map((name) => {
  const { type, default: text, defaultNote, help } = TRAFFIC[name];
  return { name, says: `${help} Takes ${type.takes}. Default: ${text ?? defaultNote ?? "none"}.` };
});

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
