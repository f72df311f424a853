/**
 * Answers libzmq's questions whether a client may connect: ZAP, RFC 27. MAIN THREAD.
 *
 *   question   [identity, empty, "1.0", number, domain, address, routing id, "CURVE", public key of 32 bytes]
 *   answer     [identity, empty, "1.0", number, "200" or "400", text, user, metadata]
 *
 * All threads of a process share one zeromq context, and in a context there is one handler. So this one is the process's, and
 * sockets are told apart by their domain; those of the publisher thread are answered from here too. Here a receive may be
 * pending, which it may not in a thread that can die, and the handler outlives each publisher thread: between two of them
 * nobody is let in unasked. It is there before the first socket that needs it, and goes after the last.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Router } from "zeromq";
import { BindError, messageOf } from "../../shared/errors.ts";

/** Fixed by the RFC. */
const ENDPOINT = "inproc://zeromq.zap.01";
const VERSION = "1.0";
const ALLOWED = "200";
const DENIED = "400";
const PUBLIC_KEY_BYTES = 32;
/** The address of a handler that was closed just now is let go of by another thread. */
const PATIENCE_MS = 500;
const RETRY_MS = 10;

/** A client at the door of a socket. */
export interface Caller {
  /** 64 hexadecimal digits; null when it did not come with CURVE. */
  readonly publicKey: string | null;
  /** IP address; empty over ipc. */
  readonly address: string;
}

/** Whether a client may come in. A rejection is a no. */
export type Decide = (caller: Caller) => Promise<boolean>;

const domains: Map<string, Decide> = new Map();
let socket: Promise<Router> | null = null;

/**
 * Has `decide` answer for a domain until the function that comes back is called. Rejects with BindError when somebody else in
 * this process handles such questions.
 */
export async function answerFor(domain: string, decide: Decide): Promise<() => void> {
  domains.set(domain, decide);
  try {
    await (socket ??= open());
  } catch (error) {
    domains.delete(domain);
    if (domains.size === 0) socket = null;
    throw new BindError(
      ENDPOINT,
      `cannot handle CURVE handshakes: something else in this process does already (${messageOf(error)})`,
      error,
    );
  }
  return () => {
    if (!domains.delete(domain) || domains.size > 0) return;
    const closing = socket;
    socket = null;
    void closing?.then((router) => router.close());
  };
}

async function open(): Promise<Router> {
  // Loaded here and not before, since it brings native code along.
  const { Router: RouterSocket } = await import("zeromq");
  const router = new RouterSocket({ linger: 0 });
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      await router.bind(ENDPOINT);
      void serve(router);
      return router;
    } catch (error) {
      if (performance.now() < endMs) await sleep(RETRY_MS);
      else {
        router.close();
        throw error;
      }
    }
  }
}

/** Answers until the socket is closed. Never rejects. */
async function serve(router: Router): Promise<void> {
  try {
    for (;;) void answer(router, await router.receive());
  } catch {
    // The socket was closed: there is nothing else that receive() can fail with.
  }
}

async function answer(router: Router, frames: readonly Buffer[]): Promise<void> {
  const [identity, empty, version, number, domain, address, , mechanism, key] = frames;
  if (identity === undefined || empty === undefined || number === undefined) return;
  const isCurve = mechanism?.toString("latin1") === "CURVE" && key?.length === PUBLIC_KEY_BYTES;
  const publicKey = isCurve ? key.toString("hex") : null;
  const decide = domains.get(domain?.toString("utf8") ?? "");
  const isKnown = version?.toString("latin1") === VERSION && decide !== undefined;
  const isAllowed =
    isKnown && (await decide({ publicKey, address: address?.toString("latin1") ?? "" }).catch(() => false));
  const [code, text] = isAllowed ? [ALLOWED, "OK"] : [DENIED, "not allowed"];
  try {
    await router.send([identity, empty, VERSION, number, code, text, publicKey ?? "", ""]);
  } catch {
    // The handler was closed meanwhile, and the socket with it.
  }
}
