/** A recording as an engine: read as one over HTTP is, but for where the answers come from. MAIN THREAD. */
import { pathToFileURL } from "node:url";
import { Secret } from "../../shared/secret.ts";
import type { FileEngineConfig } from "../config/config.ts";
import { HttpSource, type HttpSourceOptions } from "../engine/http-source.ts";
import type { EngineSource } from "../engine/source.ts";
import { FileDrain } from "./file-drain.ts";

export function recordedSource(
  { name, path, speed }: FileEngineConfig,
  options: Omit<HttpSourceOptions, "config" | "ports">,
): EngineSource {
  const config = {
    kind: "http",
    name,
    url: pathToFileURL(path),
    headers: new Secret({}),
    ca: undefined,
    clientCert: undefined,
    clientKey: undefined,
    timeoutMs: Infinity,
    maxResponseBytes: Infinity,
  } as const;
  return new HttpSource({ ...options, config, ports: { drain: new FileDrain({ path, speed, log: options.log }) } });
}
