/**
 * Examines the addresses that `serve` would bind: free, or taken by a kvcast that runs, or by something else. MAIN THREAD.
 *
 * Binding and letting go at once is the one test that asks the system the same question as `serve` will.
 */
import { createServer } from "node:net";
import { once } from "node:events";
import { codeOf } from "../../shared/errors.ts";
import { tcpAddress } from "../../shared/zmq-wire.ts";
import type { ServeConfig } from "../config/config.ts";
import { Findings, type Finding } from "./finding.ts";

interface Address {
  readonly option: string;
  readonly text: string;
  readonly host: string;
  readonly port: number;
}

/** What is bound, and by which option. Addresses without a port of their own, and paths, are not tried. */
export async function examineAddresses(config: ServeConfig, isServing: boolean): Promise<readonly Finding[]> {
  const list: Finding[] = [];
  for (const address of addressesOf(config)) list.push(...(await examine(address, isServing)));
  return list;
}

async function examine(address: Address, isServing: boolean): Promise<readonly Finding[]> {
  const findings = new Findings("address", address.text);
  const failure = await bindFailure(address);
  if (failure === null) findings.ok("free", `free for ${address.option}`);
  else if (failure === "EADDRINUSE" && isServing) findings.ok("free", "taken, by the kvcast that runs here");
  else {
    findings.fail("free", {
      says: failure === "EADDRINUSE" ? "taken by another program" : `cannot be bound (${failure})`,
      why: "kvcast serve does not start",
      fix:
        failure === "EACCES"
          ? `ports below 1024 need a privilege; choose another with ${address.option}`
          : `end the other program, or choose another address with ${address.option}`,
    });
  }
  return findings.list;
}

/** The code of the failure; null when it can be bound. */
async function bindFailure({ host, port }: Address): Promise<string | null> {
  const server = createServer();
  server.listen({ port, host: host === "*" ? "0.0.0.0" : host, exclusive: true });
  try {
    await once(server, "listening");
    server.close();
    return null;
  } catch (error) {
    return codeOf(error) ?? "unknown error";
  }
}

function addressesOf({ zmqEndpoint, replayEndpoint, systemHost, systemPort }: ServeConfig): readonly Address[] {
  const list: Address[] = [];
  for (const [option, endpoint] of [
    ["--zmq-endpoint", zmqEndpoint],
    ["--replay-endpoint", replayEndpoint],
  ] as const) {
    const address = endpoint === null ? null : tcpAddress(endpoint);
    if (endpoint !== null && address !== null) list.push({ option, text: endpoint, ...address });
  }
  if (systemPort !== null && systemPort !== 0) {
    list.push({ option: "--system-port", text: `${systemHost}:${systemPort}`, host: systemHost, port: systemPort });
  }
  return list;
}
