/** Help of `kvcast` itself. MAIN THREAD. */
import type { HelpPage } from "../help.ts";
import { HELP_SWITCH } from "./parts.ts";
import { EXIT_CODES } from "./exit-codes.ts";

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
    {
      command: ["kvcast config check --config kvcast.yaml"],
      says: "Whether serve would start with it; all that is wrong at once.",
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
        { name: "top [URL]", says: "Watch a running service in the terminal." },
        { name: "record FILE", says: "Record an engine's answers, or a publisher's messages." },
        { name: "replay EP|FILE", says: "Print messages that were published before, or a recording." },
        { name: "perf [URL]", says: "Ask a running service for its slow requests." },
        { name: "cluster COMMAND", says: "Command all services of a cluster." },
        { name: "check [URL]", says: "Probe a running service, for scripts and monitoring." },
        { name: "doctor", says: "Examine engine, publishers, NATS and machine." },
        { name: "keygen FILE", says: "Make a key pair for encrypted ZMQ." },
        { name: "config COMMAND", says: "Show a configuration with its origins, check it, print its schema." },
        { name: "support-bundle [URL]", says: "Gather what somebody needs who is to help." },
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
