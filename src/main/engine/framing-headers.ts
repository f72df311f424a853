/**
 * Request headers, in lower case, that frame a message or steer its connection. MAIN THREAD. The HTTP client sets them; a second one
 * would break the exchange, so a header file may not name them.
 */
export const FRAMING_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
