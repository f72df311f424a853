/** Keys in files as users have them, and clients that tell how a publisher answered their handshake. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { curveKeyPair } from "zeromq";
import type { CurveClientKeys, CurveKeyPair } from "../../src/shared/curve.ts";
import type { HandshakeRefusal } from "../../src/main/tail/handshake-refusal.ts";
import { openLiveSocket } from "../../src/main/tail/live-socket.ts";
import { Gate } from "./gate.ts";

/** A folder with the secret key of a server, and the list of its clients. Made by the library of libzmq, not by ours. */
export class CurveFiles {
  readonly folder: string;
  readonly server: CurveKeyPair = curveKeyPair();
  readonly secretFile: string;
  readonly allowFile: string;

  constructor(t: TestContext, ...clients: readonly CurveKeyPair[]) {
    this.folder = mkdtempSync(path.join(tmpdir(), "kvcast-curve-"));
    t.after(() => rmSync(this.folder, { recursive: true }));
    this.secretFile = this.secret("server.secret", this.server);
    this.allowFile = path.join(this.folder, "clients");
    this.allow(...clients);
  }

  /** What is written behind `kvcast serve` for them. */
  get flags(): string {
    return `--zmq-curve-secret-key-file ${this.secretFile} --zmq-curve-allow-file ${this.allowFile}`;
  }

  /** The public key as an address takes it. */
  get query(): string {
    return `curve=${encodeURIComponent(this.server.publicKey)}`;
  }

  secret(name: string, pair: CurveKeyPair): string {
    const file = path.join(this.folder, name);
    writeFileSync(file, `${pair.secretKey}\n`);
    chmodSync(file, 0o600);
    return file;
  }

  /** From now on these and no others. */
  allow(...clients: readonly CurveKeyPair[]): void {
    writeFileSync(this.allowFile, `# clients\n${clients.map(({ publicKey }) => `${publicKey} one\n`).join("")}`);
  }

  keys(client: CurveKeyPair, serverKey: string = this.server.publicKey): CurveClientKeys {
    return { ...client, serverKey };
  }
}

export type Welcome = "message" | HandshakeRefusal;

/** A server that refuses hangs up, and by that the reason may be lost: an end counts once it was told this often. */
const ENDS = 3;
const MAX_BYTES = 1 << 20;

/** How the publisher at that address takes a subscriber with these keys: the first message, or why there is none. */
export async function welcome(endpoint: string, keys: CurveClientKeys | null): Promise<Welcome> {
  const refused = new Gate<HandshakeRefusal>();
  let ends = 0;
  const socket = await openLiveSocket({
    endpoint,
    topic: "",
    maxMessageBytes: MAX_BYTES,
    maxQueuedBytes: MAX_BYTES,
    curve: keys,
    onRefusal: (refusal) => {
      if (refusal !== "ended" || ++ends === ENDS) refused.open(refusal);
    },
    onConnection: () => {},
  });
  try {
    return await Promise.race([refused.opened, socket.queue.take().then(() => "message" as const)]);
  } finally {
    socket.close();
  }
}
