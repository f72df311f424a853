/** Where a leader binds, for addresses that workers connect to. MAIN THREAD. */
import { lookup } from "node:dns/promises";
import type { LeaderEndpoints } from "../cluster/endpoints.ts";

/**
 * The same with the address of each host that is given by its name: libzmq connects to names, and binds addresses and network
 * interfaces only. What is no known name stays as it is. Never rejects.
 */
export async function bindable({ pub, ack }: LeaderEndpoints): Promise<LeaderEndpoints> {
  return { pub: await addressed(pub), ack: await addressed(ack) };
}

async function addressed(endpoint: string): Promise<string> {
  const [, host, port] = /^tcp:\/\/([^[\]*:]*[A-Za-z][^[\]*:]*):(\d+)$/.exec(endpoint) ?? [];
  if (host === undefined || port === undefined) return endpoint;
  try {
    const { address } = await lookup(host, { family: 4 });
    return `tcp://${address}:${port}`;
  } catch {
    return endpoint;
  }
}
