/** The compose file of `deploy/`, and what it starts as plain processes on this machine. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";

export const COMPOSE_FOLDER: string = path.join(process.cwd(), "deploy/compose");

export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  /** Every port that it listens on. */
  readonly expose: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** A YAML file of the folder, with merge keys as Compose reads them. */
export function readYaml(name: string): unknown {
  return parse(readFileSync(path.join(COMPOSE_FOLDER, name), "utf8"), { merge: true });
}

export function composeFile(): ComposeFile {
  return readYaml("compose.yaml") as ComposeFile;
}

/** The service of this name. */
export function serviceOf({ services }: ComposeFile, name: string): ComposeService {
  return services[name] ?? assert.fail(`no service is called ${name}`);
}

/** `name:port`, wherever one service of the file is told where another is. */
export function addressesIn(text: string): readonly { readonly service: string; readonly port: string }[] {
  return Array.from(text.matchAll(/(?:\/\/|^)([a-z][a-z0-9-]*):(\d+)/gu), ([, service = "", port = ""]) => ({
    service,
    port,
  }));
}

/** The ports that the arguments of a service make it listen on. */
export function listensOn({ command = [] }: ComposeService): readonly string[] {
  return command.flatMap((word) => {
    const port = /^--(?:system-port|port|http_port)=(\d+)$/u.exec(word) ?? /[*=](?:0\.0\.0\.0)?:(\d+)$/u.exec(word);
    return port?.[1] ?? [];
  });
}

/** Gives each port of each service one of this machine, and rewrites arguments and files accordingly. */
export class LocalPorts {
  readonly #ports: ReadonlyMap<string, number>;

  /** `ports`: by `service:port`. */
  constructor(ports: ReadonlyMap<string, number>) {
    this.#ports = ports;
  }

  of(service: string, port: string | number): number {
    return this.#ports.get(`${service}:${port}`) ?? assert.fail(`${service} does not expose ${port}`);
  }

  /** Addresses of services become those of this machine. */
  translate(text: string): string {
    return text.replaceAll(
      /(\/\/|^|\s)([a-z][a-z0-9-]*):(\d+)/gu,
      (_, before: string, service: string, port: string) => `${before}127.0.0.1:${this.of(service, port)}`,
    );
  }

  /** The arguments of a service, for a process on this machine. */
  argumentsOf(name: string, { command = [] }: ComposeService): readonly string[] {
    return command.map((word) =>
      this.translate(word)
        .replace(
          /^(--(?:system-port|port|http_port)=)(\d+)$/u,
          (_, flag: string, port: string) => `${flag}${this.of(name, port)}`,
        )
        .replace(/([*]|0\.0\.0\.0):(\d+)$/u, (_, _host: string, port: string) => `127.0.0.1:${this.of(name, port)}`)
        .replace(/=0\.0\.0\.0$/u, "=127.0.0.1"),
    );
  }
}
