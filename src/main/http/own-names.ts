/**
 * Under which names a server is asked by those who mean it. MAIN THREAD; pure.
 *
 * A site can have its own name lead to an address of this machine or network. Its page then asks the server that is there, and the
 * browser lets it read the answer, as name and port are the page's own (DNS rebinding). The name stands in the Host header, which no
 * page can change. An address in place of a name is no danger: a browser then takes the answer for what it is.
 */
import { isIP } from "node:net";

/** Whether a Host header has an address, a name of this machine, or one of these, which are in lower case. */
export function isOwnName(header: string | undefined, names: readonly string[]): boolean {
  const name = hostNameOf(header);
  return name !== null && (isIP(name) !== 0 || isLocalName(name) || names.includes(name));
}

/** The same of an Origin header, which is that of the page that asks. */
export function isOwnOrigin(header: string, names: readonly string[]): boolean {
  const [, host] = /^https?:\/\/(.+)$/i.exec(header) ?? [];
  return isOwnName(host, names);
}

/** Names that always lead to the machine itself. */
function isLocalName(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost");
}

/** Without the port, in lower case; an address of version 6 without its brackets. Null for what is no host. */
function hostNameOf(header: string | undefined): string | null {
  const [, six, name] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(header ?? "") ?? [];
  return six ?? name?.toLowerCase().replace(/\.$/, "") ?? null;
}
