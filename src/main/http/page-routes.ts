/**
 * The files of the live page, under `/` and beside it. MAIN THREAD.
 *
 * They are few, made by the build and read when they are first asked for. The policy that goes with them lets a browser run
 * and load nothing but these, whatever else might get into the page.
 */
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gzip as gzipWithCallback } from "node:zlib";
import { acceptsGzip } from "./accept.ts";
import type { LiveGate } from "./live-gate.ts";
import type { WholeRoute } from "./routes.ts";

const gzip = promisify(gzipWithCallback);
const FOLDER = new URL("../../page/", import.meta.url);

/** Everything from here and nothing else: no other site's code, no frame around it, no form, no string that becomes code. */
const POLICY = [
  "default-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "object-src 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types kvcast",
].join("; ");

const HEADERS = {
  "Content-Security-Policy": POLICY,
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  Vary: "Accept-Encoding",
};

interface PageFile {
  readonly path: string;
  readonly file: string;
  readonly contentType: string;
}

export const PAGE_FILES: readonly PageFile[] = [
  { path: "/", file: "index.html", contentType: "text/html; charset=utf-8" },
  { path: "/page.js", file: "page.js", contentType: "text/javascript; charset=utf-8" },
  { path: "/stream.js", file: "stream.js", contentType: "text/javascript; charset=utf-8" },
  { path: "/page.css", file: "page.css", contentType: "text/css; charset=utf-8" },
  { path: "/icon.svg", file: "icon.svg", contentType: "image/svg+xml" },
];

export function pageRoutes(gate: LiveGate): readonly WholeRoute[] {
  return PAGE_FILES.map(({ path, file, contentType }) => {
    let whole: Promise<Buffer> | null = null;
    let compressed: Promise<Buffer> | null = null;
    return {
      path,
      codes: [403],
      handler: async (request) => {
        const refusal = gate.refusal(request);
        if (refusal !== null) return refusal;
        whole ??= readFile(new URL(file, FOLDER));
        if (!acceptsGzip(request.headers["accept-encoding"])) {
          return { status: 200, contentType, body: await whole, headers: HEADERS };
        }
        compressed ??= whole.then((body) => gzip(body, { level: 9 }));
        return {
          status: 200,
          contentType,
          body: await compressed,
          headers: { ...HEADERS, "Content-Encoding": "gzip" },
        };
      },
    };
  });
}
