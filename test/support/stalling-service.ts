/** A service whose main thread stands still when told to, in a process of its own. Says where it listens. */
import { loadServeConfig } from "../../src/main/config/load.ts";
import { createLogger } from "../../src/main/log.ts";
import { Service } from "../../src/main/service.ts";

export interface StallOrder {
  readonly stallMs: number;
}

const { config } = await loadServeConfig(
  new Map([
    ["engine", ["synthetic:?rate=100"]],
    ["system-port", ["0"]],
    ["zmq-endpoint", ["tcp://127.0.0.1:*"]],
  ]),
  {},
);
const log = createLogger({ level: "error", format: "json" });
const service = await Service.start({
  config,
  version: "0.0.0",
  log,
  onFatal: (error) => {
    throw error;
  },
});
process.send?.({ url: service.httpUrl });
process.on("message", ({ stallMs }: StallOrder) => {
  const untilMs = performance.now() + stallMs;
  // Only when it has been said that it begins.
  process.send?.({ stalling: true }, () => {
    while (performance.now() < untilMs);
  });
});
