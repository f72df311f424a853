/**
 * Who may see the live page. MAIN THREAD; pure.
 *
 * Where others can reach the port the server itself asks who they are, or refuses (`access.ts`). Beyond that the page answers only
 * to names that are known, or a foreign page could have its own name point to this address and read what is here (DNS
 * rebinding). An address in place of a name is no danger: a browser then takes the page for what it is.
 */
import { isIP } from "node:net";
import type { LivePageMode } from "../config/live-options.ts";
import { TEXT } from "./answer.ts";
import type { Request } from "./routes.ts";
import type { Response } from "./response.ts";

export interface LiveGateOptions {
  readonly mode: LivePageMode;
  /** The address that the server listens on. */
  readonly host: string;
  /** Further names, in lower case. */
  readonly allowedHosts: readonly string[];
}

export interface LiveGate {
  /** Whether there is a page at all. */
  readonly isOn: boolean;
  /** Null: come in. */
  refusal(request: Request): Response | null;
}

export function liveGate({ mode, host, allowedHosts }: LiveGateOptions): LiveGate {
  if (mode === "off") {
    return { isOn: false, refusal: () => forbidden("The live page is turned off by --live-page off.") };
  }
  const refusal = ({ headers }: Request): Response | null => {
    // A browser says so itself when another site's page asks.
    if (headers["sec-fetch-site"] === "cross-site" && headers["sec-fetch-mode"] !== "navigate") {
      return forbidden("The live page answers no requests of other sites' pages.");
    }
    const name = hostNameOf(headers["host"]);
    if (name !== null && (isIP(name) !== 0 || isLocalName(name) || name === host.toLowerCase())) return null;
    if (name !== null && allowedHosts.includes(name)) return null;
    return forbidden(
      "The live page is not served under this host name. Use the address or localhost, or start kvcast with " +
        "--live-allowed-hosts and the name.",
    );
  };
  return { isOn: true, refusal };
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

function forbidden(text: string): Response {
  return { status: 403, contentType: TEXT, body: `${text}\n` };
}
