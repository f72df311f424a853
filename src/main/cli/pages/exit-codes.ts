/** The exit codes of all commands, for help and documentation. MAIN THREAD. */
import type { Item } from "../help.ts";

/** Exit codes of all commands, for help and documentation. */
export const EXIT_CODES: readonly Item[] = [
  {
    name: "0",
    says:
      "All went well; for serve, consolidate, index, sim, tail, record and top: they were told to stop, and did; for tail also: --count is reached; " +
      "for flood: everything arrived.",
  },
  {
    name: "1",
    says:
      "Something failed that should not have; the message says what. For flood also: events were lost, or the books of " +
      "the service do not balance. For replay also: messages of the range are lost. For record also: the file could not be written any more. For cluster also: all workers have answered, and one could not do it. For doctor: --strict, and there are warnings.",
  },
  { name: "2", says: "Wrong usage: an unknown command or flag, or a flag without its value." },
  { name: "3", says: "flood: the rate of --min-rate was not reached." },
  { name: "10", says: "check: the service is not as it should be; doctor: something failed." },
  {
    name: "69",
    says: "Something outside is missing: an address that is taken or is not this machine's, a state directory that another process uses, a publisher that tail, replay or flood cannot reach, a service that check, perf or top asks, performance data that perf asks for, a worker that cluster had no answer from, a Node that is new enough, files that may be open, a file that cannot be written, or is there already.",
  },
  {
    name: "78",
    says: "A value in a flag, variable or file is not allowed, or a recording cannot be read or made; the message names it and what is wrong. config names all of them.",
  },
  {
    name: "130, 143",
    says:
      "Ended by a second SIGINT or SIGTERM, without waiting for what was under way; flood and cluster also by the first, " +
      "because a test that was cut short has shown nothing, and a worker that was not waited for may have done it or not.",
  },
];
