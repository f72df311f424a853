/**
 * What a service without a live page says under `/`: what it is, and where its other pages are. MAIN THREAD; pure.
 *
 * For the one who opens the address in a browser to see whether anything is there. No scripts, no styles, nothing of what is served.
 */
import type { ProbeConfig } from "../config/health-config.ts";
import type { WholeRoute } from "./routes.ts";

type Probes = Pick<ProbeConfig, "healthPath" | "livePath" | "readyPath">;

const HEADERS = {
  "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
};

/** `says`: a sentence about the service. */
export function rootRoute(title: string, says: string, probes: Probes): WholeRoute {
  const links = [
    { path: "/metrics", what: "what it counts, for Prometheus" },
    { path: probes.healthPath, what: "what is well and what is not, with reasons" },
    { path: probes.readyPath, what: "whether it can be used" },
    { path: probes.livePath, what: "whether the process should go on" },
  ];
  const items = links.map(({ path, what }) => `<li><a href="${text(path)}">${text(path)}</a> ${text(what)}</li>`);
  const body = [
    "<!doctype html>",
    `<html lang="en"><meta charset="utf-8"><title>${text(title)}</title>`,
    `<h1>${text(title)}</h1>`,
    `<p>${text(says)}</p>`,
    `<ul>\n${items.join("\n")}\n</ul>`,
    "</html>\n",
  ].join("\n");
  return {
    path: "/",
    access: "shared",
    handler: () => ({ status: 200, contentType: "text/html; charset=utf-8", body, headers: HEADERS }),
  };
}

/** Paths are the user's to choose. */
function text(plain: string): string {
  return plain.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
