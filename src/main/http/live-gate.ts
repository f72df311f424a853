/**
 * Who may see the live page. MAIN THREAD; pure.
 *
 * Where others can reach the port the server itself asks who they are, or refuses (`access.ts`). Beyond that the page answers only
 * to names that are known (`own-names.ts`), wherever it is served.
 */
import type { LivePageMode } from "../config/live-options.ts";
import { TEXT } from "./answer.ts";
import { isOwnName } from "./own-names.ts";
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
  const names = [host.toLowerCase(), ...allowedHosts];
  const refusal = ({ headers }: Request): Response | null => {
    // A browser says so itself when another site's page asks.
    if (headers["sec-fetch-site"] === "cross-site" && headers["sec-fetch-mode"] !== "navigate") {
      return forbidden("The live page answers no requests of other sites' pages.");
    }
    if (isOwnName(headers["host"], names)) return null;
    return forbidden(
      "The live page is not served under this host name. Use the address or localhost, or start kvcast with " +
        "--live-allowed-hosts and the name.",
    );
  };
  return { isOn: true, refusal };
}

function forbidden(text: string): Response {
  return { status: 403, contentType: TEXT, body: `${text}\n` };
}
