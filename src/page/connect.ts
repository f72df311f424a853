/**
 * How a tab gets the stream: from the worker that all tabs share, or where there are no such workers by itself. BROWSER.
 * Either way only while it can be seen.
 */
import { Feed, type FeedMessage } from "./feed.ts";
import type { TabMessage } from "./tab-messages.ts";

const HERE_EVERY_MS = 10_000;

interface Source {
  begin(): void;
  end(): void;
}

/** Calls back with all that is heard, from now on. */
export function connect(tell: (message: FeedMessage) => void): void {
  const source = typeof SharedWorker === "undefined" ? own(tell) : shared(tell);
  const follow = (): void => (document.visibilityState === "visible" ? source.begin() : source.end());
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", () => source.end());
  addEventListener("pageshow", follow);
  follow();
}

function own(tell: (message: FeedMessage) => void): Source {
  const feed = new Feed(tell);
  return { begin: () => feed.start(), end: () => feed.stop() };
}

function shared(tell: (message: FeedMessage) => void): Source {
  const { port } = new SharedWorker(scriptUrl("/stream.js"), { name: "kvcast" });
  const say = (message: TabMessage): void => port.postMessage(message);
  let timer: number | undefined;
  port.addEventListener("message", ({ data }: MessageEvent<FeedMessage>) => tell(data));
  port.start();
  return {
    begin() {
      say("here");
      timer ??= setInterval(() => say("here"), HERE_EVERY_MS);
    },
    end() {
      clearInterval(timer);
      timer = undefined;
      say("leave");
    },
  };
}

/** What `trustedTypes` is where a browser has it; the library of types does not know it. */
interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { readonly createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string };
}

declare global {
  interface Window {
    /** Not in every browser. */
    readonly trustedTypes?: TrustedTypes;
  }
}

/** The page's policy lets no plain string become a script. This one is ours. */
function scriptUrl(path: "/stream.js"): string {
  return window.trustedTypes?.createPolicy("kvcast", { createScriptURL: (url) => url }).createScriptURL(path) ?? path;
}
