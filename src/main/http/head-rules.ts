/**
 * The rules for the head of a request, before anybody looks at what it asks for. MAIN THREAD; pure.
 *
 * GET and HEAD only, no bodies, one Host, bounded headers. A route that takes a body is for POST only, and for JSON only: no page in a
 * browser can send that to another site without asking first.
 */
import { type Answer, plain, type RequestHead } from "./answer.ts";

/** Most bytes of request line and headers together. */
export const MAX_HEAD_BYTES: number = 8 * 1024;

/** Why a request is turned away before any handler; null for a good one. `maxBodyBytes`: of its route, if that takes a body. */
export function refusal(head: RequestHead, maxBodyBytes: number | null): Answer | null {
  const { method, target, headers } = head;
  let bytes = method.length + target.length;
  let hosts = 0;
  let body = false;
  for (const [name, value] of headers) {
    bytes += name.length + value.length + 4;
    const lower = name.toLowerCase();
    if (lower === "host") hosts++;
    else if (lower === "transfer-encoding" || (lower === "content-length" && value.trim() !== "0")) body = true;
  }
  if (bytes > MAX_HEAD_BYTES) return plain(431, "Request header fields too large", { close: true });
  if (hosts > 1) return plain(400, "More than one Host header", { close: true });
  if (!target.startsWith("/")) return plain(400, "The request target must be a path", { close: true });
  if (maxBodyBytes !== null) return postRefusal(head, maxBodyBytes);
  if (method !== "GET" && method !== "HEAD") {
    return plain(405, "Only GET and HEAD are served", { headers: { Allow: "GET, HEAD" }, close: true });
  }
  if (body) return plain(413, "Request bodies are not accepted", { close: true });
  return null;
}

/** The same for a request to a route that takes a body. */
function postRefusal({ method, headers }: RequestHead, maxBodyBytes: number): Answer | null {
  if (method !== "POST") return plain(405, "Only POST is served here", { headers: { Allow: "POST" }, close: true });
  const values = (name: string): string[] =>
    headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value.trim());
  const lengths = values("content-length");
  const codings = values("transfer-encoding");
  const isFramed =
    lengths.length + codings.length <= 1 && codings.every((coding) => coding.toLowerCase() === "chunked");
  if (!isFramed || lengths.some((length) => !/^\d{1,15}$/.test(length))) {
    return plain(400, "The length of the body is not clear", { close: true });
  }
  if (Number(lengths[0] ?? 0) > maxBodyBytes) return tooLarge(maxBodyBytes);
  const type = values("content-type")[0]?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    return plain(415, "The body must be JSON, and Content-Type application/json", { close: true });
  }
  return null;
}

/** To a body that is announced, or turns out, as longer than its route takes. */
export function tooLarge(maxBodyBytes: number): Answer {
  return plain(413, `The body may have ${maxBodyBytes} bytes`, { close: true });
}
