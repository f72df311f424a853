/** Help of the commands that read a stream, or keep one. MAIN THREAD. */
import { RECORD_OPTION_LIST } from "../../config/record-options.ts";
import { REPLAY_OPTION_LIST } from "../../config/replay-options.ts";
import { TAIL_ENDPOINT, TAIL_OPTION_LIST } from "../../config/tail-options.ts";
import type { HelpPage } from "../help.ts";
import { HELP_SWITCH } from "./parts.ts";

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

export const RECORD_PAGE: HelpPage = {
  examples: [
    {
      command: ["kvcast record engine.rec --engine http://127.0.0.1:8000 --duration 60"],
      says: "Read an engine in place of kvcast serve for a minute, and keep its answers with their times.",
    },
    {
      command: ['kvcast serve --engine "file:engine.rec?speed=10"'],
      says: "Publish them again, ten times as fast.",
    },
    {
      command: ["kvcast record stream.rec --publisher tcp://127.0.0.1:20081 --replay tcp://127.0.0.1:20082"],
      says: "Keep what a publisher sends until Ctrl-C; kvcast replay stream.rec prints it.",
    },
  ],
  usage: "kvcast record FILE --engine URL|--publisher EP [options]",
  summary:
    "Writes what an engine answers, or a publisher sends, into a file that can go with a bug report: compressed, with times, and " +
    "without token ids and cache salts. What was written before a crash can be read.",
  options: RECORD_OPTION_LIST,
  sections: [
    {
      title: "Switches",
      items: [
        {
          name: "--with-tokens",
          says: "Keep token ids and cache salts. They are people's prompts: mind who gets the file.",
        },
        { name: "--json", says: "At the end, one JSON object on stdout with what was recorded." },
      ],
    },
    { title: "Other", items: [HELP_SWITCH] },
    {
      title: "Exit codes",
      items: [
        { name: "0", says: "It was told to stop, or --duration is over; the file is complete." },
        { name: "1", says: "The file could not be written any more, as on a full disk; what is in it is good." },
        { name: "2", says: "Wrong usage." },
        { name: "78", says: "A value is not allowed, or the file is there already or cannot be made." },
      ],
    },
  ],
};

export const REPLAY_PAGE: HelpPage = {
  examples: [
    {
      command: ["kvcast replay tcp://127.0.0.1:20082 --from 1000 --to 1999"],
      says: "Print a thousand messages that the publisher still keeps (serve --replay-endpoint).",
    },
    { command: ["kvcast replay stream.rec"], says: "Print what kvcast record stream.rec --publisher has recorded." },
    {
      command: ["kvcast replay stream.rec --json --type cleared --rank 0"],
      says: "For programs: one JSON object a line, as kvcast tail --json has them.",
    },
  ],
  usage: "kvcast replay EP|FILE [options]",
  summary:
    "Asks the replay socket of a publisher for a range of messages, or reads a recording of published messages, and prints " +
    "their events as kvcast tail does. Ends with the last one. A recording of an engine is published again by kvcast serve " +
    "--engine file:FILE.",
  options: REPLAY_OPTION_LIST,
  sections: [
    {
      title: "Switches",
      items: [
        { name: "--json", says: "One JSON object a line." },
        { name: "--tokens", says: "Print token ids and cache salts too. They are people's prompts." },
      ],
    },
    { title: "Other", items: [HELP_SWITCH] },
    {
      title: "Exit codes",
      items: [
        { name: "0", says: "All of it was printed." },
        {
          name: "1",
          says: "Messages of the range are lost: they are kept no more, or were missed when it was recorded.",
        },
        { name: "2", says: "Wrong usage." },
        { name: "69", says: "The replay socket does not answer, or not as one." },
        { name: "78", says: "A value is not allowed, or the file is no recording of messages, or damaged." },
      ],
    },
  ],
};
