/**
 * The rivals as publishers that a bench can start: those in Node, which are forked, and the one in Python, which is spoken
 * to in lines. Each runs in a process of its own.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { RivalOrder, RivalUsage } from "../rivals/rival.ts";
import { nextMessage } from "../support/child-message.ts";
import { engineEventsJson, TOKENS_A_BLOCK } from "../support/made-up-events.ts";
import { findPython, type PythonClass, PythonProcess } from "../support/python.ts";
import { procAbsence, rssBytes } from "../support/proc.ts";
import type { FloodOrder, FloodPublisher } from "./publishers.ts";

/** More than a drain takes; whether eight go round or hundreds made no difference to be measured. */
const PYTHON_EVENTS = 512;

interface RivalProcess {
  readonly pid: number | undefined;
  readonly endpoint: string;
  readonly usage: () => Promise<RivalUsage>;
  readonly stop: () => Promise<void>;
  readonly kill: () => void;
}

function rivalPublisher({ pid, endpoint, usage, stop, kill }: RivalProcess): FloodPublisher {
  return {
    endpoint,
    usage,
    async settle(received) {
      const last = await usage();
      if (last.sentEvents !== received.events) {
        throw new Error(`the rival sent ${last.sentEvents} events, the subscriber has ${received.events}`);
      }
      // What a process knows of itself may be the peak of the one that started it, from before it was another program.
      return pid === undefined || procAbsence() !== null ? last : { ...last, peakRssBytes: rssBytes(pid, "peak") };
    },
    stop,
    kill,
  };
}

/** Why the rival in Python cannot run here; null when it can. */
export function pythonAbsence(): string | null {
  const python = findPython();
  return "missing" in python ? python.missing : null;
}

export async function startNodeRival(
  name: "node-simple" | "node-batched",
  { blocks, events, ratePerSecond = null }: FloodOrder,
): Promise<FloodPublisher> {
  const order: RivalOrder = { blocks, events, ratePerSecond };
  const child = fork(fileURLToPath(new URL(`../rivals/${name}.js`, import.meta.url)), [JSON.stringify(order)]);
  const { endpoint } = (await nextMessage(child, name)) as { endpoint: string };
  return rivalPublisher({
    pid: child.pid,
    endpoint,
    async usage() {
      const answer = nextMessage(child, name);
      child.send("usage");
      return (await answer) as RivalUsage;
    },
    async stop() {
      const closed = once(child, "exit");
      child.disconnect();
      await closed;
    },
    kill: () => {
      child.kill("SIGKILL");
    },
  });
}

/**
 * Ask `pythonAbsence()` first. With a rate, the events of `tickMs` become due together, as those of the
 * built-in engine and of the rivals in Node do, whose timers have no finer grain; 0 lets each come by itself.
 */
export async function startPython(
  publisherClass: PythonClass,
  { blocks, events, ratePerSecond = null }: FloodOrder,
  tickMs = 1,
): Promise<FloodPublisher> {
  const sizes = ["--block-size", String(TOKENS_A_BLOCK), "--events", String(events)];
  const pace = ratePerSecond === null ? [] : ["--rate", String(ratePerSecond), "--tick-ms", String(tickMs)];
  const python = new PythonProcess(["--class", publisherClass, ...sizes, ...pace]);
  const { endpoint } = (await python.ask(engineEventsJson(blocks, PYTHON_EVENTS))) as { endpoint: string };
  return rivalPublisher({
    pid: python.pid,
    endpoint,
    usage: async () => (await python.ask("usage")) as unknown as RivalUsage,
    stop: () => python.stop(),
    kill: () => python.kill(),
  });
}
