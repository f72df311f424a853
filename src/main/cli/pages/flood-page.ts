/** Help of `kvcast flood`. MAIN THREAD. */
import { FLOOD_OPTION_LIST } from "../../config/flood-options.ts";
import type { HelpPage } from "../help.ts";
import { HELP_SWITCH } from "./parts.ts";

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
