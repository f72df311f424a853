/** The command that repeats a load test, with everything said that has a default. Pure. */
import type { FloodConfig } from "../config/load-flood.ts";

/** One line for a POSIX shell. */
export function commandLine(config: FloodConfig): string {
  return ["kvcast", "flood", ...floodArgs(config)].map(shellWord).join(" ");
}

function floodArgs(config: FloodConfig): string[] {
  const { pipeline, profile, durationMs, warmUpMs, minPerSecond, limits } = config;
  const args: string[] = [];
  const add = (name: string, value: string | number): void => void args.push(`--${name}`, String(value));
  if (pipeline.source === "running") {
    add("zmq-endpoint", pipeline.zmqEndpoint);
    if (pipeline.metricsUrl !== null) add("metrics-url", pipeline.metricsUrl);
  } else {
    const { ratePerSecond, blocks, tokens, ranks, removed, seed } = pipeline.traffic;
    add("source", pipeline.source);
    add("profile", profile);
    add("rate", ratePerSecond === Infinity ? "max" : ratePerSecond);
    for (const [name, value] of Object.entries({ blocks, tokens, ranks, removed, seed })) add(name, value);
  }
  add("duration", durationMs / 1000);
  add("warm-up", warmUpMs / 1000);
  if (profile === "ramp") add("max-age", limits.maxAgeMicros / 1000);
  if (minPerSecond !== null) add("min-rate", minPerSecond);
  if (config.json) args.push("--json");
  if (pipeline.source !== "running" && pipeline.serveArgs.length > 0) args.push("--", ...pipeline.serveArgs);
  return args;
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
