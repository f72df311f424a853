/** The address of a running kvcast, as a user types it: for commands that ask one. MAIN THREAD, at start only. */
import { refused } from "./option-spec.ts";

/** Where `serve` answers unless it is told otherwise. */
export const SERVICE_URL = "http://127.0.0.1:8081";

/** Throws ConfigError. */
export function serviceUrl(text: string = SERVICE_URL): URL {
  const place = { label: "the address", option: "URL" };
  const takes = `it takes the URL of a running kvcast serve, such as ${SERVICE_URL}`;
  // `host:port` alone is what people type; a colon makes it look like a scheme.
  const whole = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(whole)) throw refused(place, takes);
  const url = new URL(whole);
  if (
    (url.protocol !== "http:" && url.protocol !== "https:") ||
    url.search !== "" ||
    url.username !== "" ||
    url.password !== ""
  ) {
    throw refused(place, takes);
  }
  return url;
}
