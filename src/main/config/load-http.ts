/** Who may ask over HTTP, and what the user should hear about it. MAIN THREAD, at start. */
import { HTTP_OPTIONS } from "./http-options.ts";
import type { OptionSpec } from "./option-spec.ts";
import type { Resolver } from "./resolve.ts";
import { isLoopbackHost } from "./zmq-endpoint.ts";

export interface HttpAccessConfig {
  /** Prometheus' web configuration, which was found to be good; null where there is none. */
  readonly webConfigFile: string | null;
  /** Everything is served to everyone, wherever the server listens. */
  readonly insecure: boolean;
}

export interface ListenPlace {
  /** The option that gave the host. */
  readonly option: OptionSpec<unknown>;
  readonly host: string;
  /** Null: there is no HTTP server. */
  readonly port: number | null;
  /** What is refused where nobody is asked who they are, as a part of a sentence; null: there is nothing of the kind. */
  readonly keeps: string | null;
}

/** Throws ConfigError for a web configuration that cannot be used. */
export async function loadHttpAccess(
  resolver: Resolver,
  { option, host, port, keeps }: ListenPlace,
  warnings: string[],
): Promise<HttpAccessConfig & { readonly servesPrivate: boolean }> {
  const webConfigFile = resolver.find(HTTP_OPTIONS.webConfigFile) ?? null;
  const isInsecure = resolver.pick(HTTP_OPTIONS.insecure);
  const read = await webConfigOf(resolver, webConfigFile);
  const isFar = port !== null && !isLoopbackHost(host);
  const where = `${resolver.placeOf(option).label}: ${host} can be reached from other machines`;
  if (isFar && read.asksWho && !read.isTls) {
    warnings.push(`${where}, and passwords go there unencrypted; add tls_server_config to the web configuration`);
  }
  if (isInsecure && read.asksWho) {
    warnings.push(
      "--insecure has no effect: the web configuration asks who they are, and who is let in may have everything",
    );
  } else if (isFar && isInsecure && keeps !== null) {
    warnings.push(`${where}, and --insecure gives everyone there ${keeps}`);
  } else if (isFar && !read.asksWho) {
    const refusals = keeps === null ? "" : `, who is refused ${keeps}; --insecure serves them to everyone`;
    warnings.push(
      `${where}, and nobody is asked who they are: probes and /metrics answer anyone${refusals}. --web-config-file with ` +
        "passwords or client certificates lets in those you know",
    );
  }
  return {
    webConfigFile,
    insecure: isInsecure && !read.asksWho,
    servesPrivate: !isFar || isInsecure || read.knowsSome,
  };
}

async function webConfigOf(
  resolver: Resolver,
  file: string | null,
): Promise<{ readonly asksWho: boolean; readonly knowsSome: boolean; readonly isTls: boolean }> {
  if (file === null) return { asksWho: false, knowsSome: false, isTls: false };
  const { asksWho, knowsSome, loadWebConfig } = await import("../web-config/web-config-file.ts");
  const loaded = await loadWebConfig(file, resolver.placeOf(HTTP_OPTIONS.webConfigFile));
  return { asksWho: asksWho(loaded), knowsSome: knowsSome(loaded), isTls: loaded.tls !== null };
}
