/** Help of the commands about configuration and support. MAIN THREAD. */
import { BUNDLE_OPTION_LIST } from "../../config/bundle-options.ts";
import { CONFIG_OPTIONS } from "../../config/config-options.ts";
import type { HelpPage } from "../help.ts";
import { HELP_SWITCH } from "./parts.ts";

export const CONFIG_PAGE: HelpPage = {
  examples: [
    {
      command: ["kvcast config show --config /etc/kvcast/kvcast.yaml"],
      says: "What kvcast serve would run with, and where each value comes from.",
    },
    {
      command: ["kvcast config check --config kvcast.yaml"],
      says: "Everything that is wrong with it at once; exit code 78 if there is anything.",
    },
    {
      command: ["kvcast config schema > kvcast.schema.json"],
      says: "JSON Schema of the file, so that editors complete and check it.",
    },
    { command: ["kvcast config show --command consolidate --json"], says: "Of another service, for programs." },
  ],
  usage: "kvcast config show|check|schema [options]",
  summary:
    "Looks at a configuration without starting anything. Takes the options, variables and file of the service that --command " +
    "names, and reads the files that they name. Secrets are shown as ***.",
  options: Object.values(CONFIG_OPTIONS),
  sections: [
    {
      title: "Commands",
      items: [
        { name: "show", says: "Print all options with their values and origins: flag, variable, file or default." },
        { name: "check", says: "Say whether the service would start, and if not, all reasons." },
        { name: "schema", says: "Print the JSON Schema (draft 2020-12) of the configuration file." },
      ],
    },
    { title: "Other", items: [{ name: "--json", says: "Print one JSON object." }, HELP_SWITCH] },
    {
      title: "Exit codes",
      items: [
        { name: "0", says: "Nothing is wrong; warnings do not count." },
        { name: "2", says: "Wrong usage." },
        { name: "78", says: "The service would not start; all reasons are printed." },
      ],
    },
  ],
};

export const BUNDLE_PAGE: HelpPage = {
  examples: [
    {
      command: ["kvcast support-bundle --config /etc/kvcast/kvcast.yaml"],
      says: "One file about the service on this machine, to send with a question.",
    },
    {
      command: ["journalctl -u kvcast -n 1000 | kvcast support-bundle --log-file -"],
      says: "With the last lines of its log; a file will do too.",
    },
    {
      command: ["kvcast support-bundle http://host:8081 --output question.tar.gz --engine http://host:8000"],
      says: "Of a service elsewhere, which has that option.",
    },
  ],
  usage: "kvcast support-bundle [URL] [options] [options of kvcast serve]",
  summary:
    "Gathers what somebody needs who is to help: configuration with its origins, metrics, health, what the doctor finds, versions " +
    "and the last log lines, as a .tar.gz of text files. Passwords, tokens and keys are masked, and there are no token ids and " +
    "no cache salts in it. Prints what it put in; look through it before you send it.",
  options: BUNDLE_OPTION_LIST,
  sections: [
    { title: "Other", items: [{ name: "--json", says: "Print the list of files as one JSON object." }, HELP_SWITCH] },
    {
      title: "Exit codes",
      items: [
        { name: "0", says: "The file is written; what could not be had is named in it." },
        { name: "2, 78", says: "Wrong usage, or a value of its own options that is not allowed." },
        { name: "69", says: "The file cannot be written, or is there already." },
      ],
    },
  ],
};
