/** Keys in files as users have them, and clients that tell how a publisher answered their handshake. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { curveKeyPair, Subscriber } from "zeromq";
import { type CurveClientKeys, curveClientOptions, type CurveKeyPair } from "../../src/shared/curve.ts";

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

export type Welcome = "message" | "mechanism" | "not_allowed" | "ended";

/** How the publisher at that address takes a subscriber with these keys: the first message, or why there is none. */
export async function welcome(endpoint: string, keys: CurveClientKeys | null): Promise<Welcome> {
  const socket = new Subscriber({ linger: 0, ...curveClientOptions(keys) });
  try {
    const told = new Promise<Welcome>((resolve) => {
      let ends = 0;
      socket.events.on("handshake:error:protocol", () => resolve("mechanism"));
      socket.events.on("handshake:error:auth", () => resolve("not_allowed"));
      // A server that refuses hangs up, and the reason may be lost by that once.
      socket.events.on("handshake:error:other", () => ++ends > 5 && resolve("ended"));
    });
    socket.connect(endpoint);
    socket.subscribe("");
    return await Promise.race([told, socket.receive().then(() => "message" as const)]);
  } finally {
    socket.close();
  }
}
