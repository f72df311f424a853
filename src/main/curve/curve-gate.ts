/**
 * Who may connect to the sockets of a service: its key, its list of clients, and the count of those who were turned away. MAIN
 * THREAD.
 *
 * It is open before its sockets are bound and until they are closed. The service's own key is always let in: whoever has it
 * could pose as the service anyway, and `kvcast doctor` on the same machine needs no key of its own.
 */
import type { CurveKeyPair, CurveServerData } from "../../shared/curve.ts";
import type { Logger } from "../log.ts";
import { AllowFile } from "./allow-file.ts";
import type { NamedFile } from "../config/option-spec.ts";
import type { CurveSocket, RefusalReason } from "./refusals.ts";
import { keyFromZ85, keyToZ85 } from "./z85.ts";
import { answerFor, type Caller } from "./zap-handler.ts";

/** What is told of a server's keys. */
export interface CurveServerConfig {
  readonly keys: CurveKeyPair;
  /**
   * The file of those who may come in. `any`: whoever knows the public key. `members`: whoever has the same key pair, which all
   * of a cluster share.
   */
  readonly clients: NamedFile | "any" | "members";
}

/** Gates of this process so far: each has domains of its own. */
let gates = 0;

export class CurveGate {
  readonly #config: CurveServerConfig;
  readonly #ownKey: string;
  readonly #id: number = ++gates;
  readonly #log: Logger | null;
  readonly #refused: Map<string, number> = new Map();
  #allow: AllowFile | null = null;
  #leave: (() => void)[] = [];

  /** `log`: null: nothing is told. */
  constructor(config: CurveServerConfig, log: Logger | null) {
    this.#config = config;
    this.#ownKey = keyFromZ85(config.keys.publicKey)?.toString("hex") ?? "";
    this.#log = log;
  }

  /** Public, in Z85. */
  get publicKey(): string {
    return this.#config.keys.publicKey;
  }

  /** What a socket of the service is told. */
  server(socket: CurveSocket): CurveServerData {
    return { secretKey: this.#config.keys.secretKey, domain: this.#domain(socket) };
  }

  /** Handshakes that were refused so far. */
  refused(socket: CurveSocket, reason: RefusalReason): number {
    return this.#refused.get(`${socket} ${reason}`) ?? 0;
  }

  /** Rejects with ConfigError for a list that cannot be used, with BindError when it is not the only one who decides. */
  async open(sockets: readonly CurveSocket[]): Promise<void> {
    const { clients } = this.#config;
    if (typeof clients !== "string") {
      const { file } = clients;
      this.#allow = new AllowFile(clients, {
        onRead: (keys) => this.#log?.info("the list of ZMQ clients was read again", { file, keys }),
        onBad: (reason) =>
          this.#log?.error("the list of ZMQ clients cannot be used, the one before it stays in force", {
            file,
            reason,
          }),
      });
    }
    try {
      for (const socket of sockets) {
        this.#leave.push(await answerFor(this.#domain(socket), (caller) => this.#decide(socket, caller)));
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Nobody is let in any more. Safe to call twice. */
  close(): void {
    this.#allow?.close();
    for (const leave of this.#leave) leave();
    this.#leave = [];
  }

  async #decide(socket: CurveSocket, { publicKey, address }: Caller): Promise<boolean> {
    if (publicKey === this.#ownKey) return true;
    if (publicKey !== null && (await this.#isClient(publicKey))) return true;
    const reason = publicKey === null ? "no_key" : "unlisted";
    this.#refused.set(`${socket} ${reason}`, this.refused(socket, reason) + 1);
    this.#log?.limited("curve refused").warn("a ZMQ client was refused: its key is not on the list", {
      socket,
      address,
      public_key: publicKey === null ? null : keyToZ85(Buffer.from(publicKey, "hex")),
    });
    return false;
  }

  async #isClient(publicKey: string): Promise<boolean> {
    return this.#allow === null ? this.#config.clients === "any" : this.#allow.has(publicKey);
  }

  #domain(socket: CurveSocket): string {
    return `kvcast-${this.#id}-${socket}`;
  }
}
