/** All commands, in the order in which they are declared. MAIN THREAD. */
import type { CommandSpec } from "../command-spec.ts";
import { OBSERVE_COMMANDS } from "./observe-commands.ts";
import { QUESTION_COMMANDS } from "./question-commands.ts";
import { SERVICE_COMMANDS } from "./service-commands.ts";
import { STREAM_COMMANDS } from "./stream-commands.ts";

export const COMMANDS: readonly CommandSpec[] = [
  ...SERVICE_COMMANDS,
  ...STREAM_COMMANDS,
  ...QUESTION_COMMANDS,
  ...OBSERVE_COMMANDS,
];
