/** Help of `kvcast cluster`. MAIN THREAD. */
import { CLUSTER_COMMAND_OPTION_LIST } from "../../config/cluster-options.ts";
import type { HelpPage, Item } from "../help.ts";
import { HELP_SWITCH } from "./parts.ts";

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
