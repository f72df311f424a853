/** A publisher that does what a test tells it: numbers, payloads and answers are the test's, the sockets are real. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import type { TestContext } from "node:test";
import { encode } from "@msgpack/msgpack";
import { Router, XPublisher } from "zeromq";

export const EMPTY: Buffer = Buffer.alloc(0);
export const END: Buffer = Buffer.alloc(8, 0xff);
export const END_V2: readonly Buffer[] = [EMPTY, EMPTY, END, EMPTY];
export const END_V1: readonly Buffer[] = [EMPTY, END, EMPTY];

export function numberFrame(sequence: number | bigint): Buffer {
  const frame = Buffer.alloc(8);
  frame.writeBigUInt64BE(BigInt(sequence));
  return frame;
}

/** A batch with one stored block, whose hash tells which it is. */
export function storedPayload(hash: number, options: { rank?: number; seconds?: number } = {}): Buffer {
  const event = {
    type: "BlockStored",
    block_hashes: [hash],
    parent_block_hash: null,
    token_ids: [7, 8],
    block_size: 2,
  };
  return Buffer.from(encode([options.seconds ?? 1_700_000_000.5 + hash / 1024, [event], options.rank ?? 0]));
}

export function replyV2(sequence: number, payload: Buffer): readonly Buffer[] {
  return [EMPTY, Buffer.from("kv"), numberFrame(sequence), payload];
}

export function replyV1(sequence: number, payload: Buffer): readonly Buffer[] {
  return [EMPTY, numberFrame(sequence), payload];
}

export interface HeaderFields {
  readonly epoch?: string;
  readonly sequence?: number;
  readonly blocks?: number;
  readonly complete?: boolean;
}

export function headerReply(fields: HeaderFields | { readonly error: string }): readonly Buffer[] {
  const whole = {
    version: 1,
    epoch: "11111111-2222-4333-8444-555555555555",
    started: 1_700_000_000.25,
    sequence: -1,
    blocks: 0,
    ranks: [{ rank: 0, blocks: 0 }],
    complete: true,
    tokens: true,
    block_size: 2,
    wire_format: "vllm",
  };
  const map = "error" in fields ? { version: 1, error: fields.error } : { ...whole, ...fields };
  return [EMPTY, Buffer.from("snapshot"), EMPTY, Buffer.from(encode(map))];
}

export function snapshotReply(payload: Buffer): readonly Buffer[] {
  return [EMPTY, Buffer.from("kv"), EMPTY, payload];
}

export class ScriptedPublisher {
  readonly #socket: XPublisher;
  readonly endpoint: string;

  private constructor(socket: XPublisher, endpoint: string) {
    this.#socket = socket;
    this.endpoint = endpoint;
  }

  static async bind(t: TestContext, address: string = "tcp://127.0.0.1:*"): Promise<ScriptedPublisher> {
    // What a test sends arrives, however slow the reader: with the usual mark libzmq drops what is beyond a thousand messages.
    const socket = new XPublisher({ linger: 0, verbosity: "allSubsUnsubs", sendHighWaterMark: 0 });
    await socket.bind(address);
    t.after(() => socket.close());
    return new ScriptedPublisher(socket, socket.lastEndpoint ?? "");
  }

  /** Waits until somebody subscribes. */
  async subscribed(): Promise<void> {
    for (;;) {
      const [message] = await this.#socket.receive();
      if (message?.[0] === 1) return;
    }
  }

  async send(sequence: number, payload: Buffer = storedPayload(sequence)): Promise<void> {
    await this.frames([Buffer.from("kv"), numberFrame(sequence), payload]);
  }

  async frames(frames: readonly Buffer[]): Promise<void> {
    await this.#socket.send([...frames]);
  }
}

/** A door before publishers: where it leads can be changed, and all who are inside thrown out. */
export class Door {
  #target: number;
  readonly #server: Server;
  readonly #inside: Set<Socket> = new Set();

  private constructor(target: string) {
    this.#target = portOf(target);
    this.#server = createServer((client) => {
      const peer = connect(this.#target, "127.0.0.1");
      for (const socket of [client, peer]) {
        this.#inside.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => {
          client.destroy();
          peer.destroy();
          this.#inside.delete(socket);
        });
      }
      client.pipe(peer).pipe(client);
    });
  }

  static async to(t: TestContext, endpoint: string): Promise<Door> {
    const door = new Door(endpoint);
    door.#server.listen(0, "127.0.0.1");
    await once(door.#server, "listening");
    t.after(() => {
      door.#server.close();
      door.lead(endpoint);
    });
    return door;
  }

  get endpoint(): string {
    return `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  lead(endpoint: string): void {
    this.#target = portOf(endpoint);
    for (const socket of this.#inside) socket.destroy();
  }
}

function portOf(endpoint: string): number {
  return Number(/:(\d+)$/.exec(endpoint)?.[1]);
}

/** What a client asked for: a number, or a snapshot. Answer it as often as you like. */
export interface Request {
  readonly frames: readonly Buffer[];
  /** Start of a replay; null for a snapshot. */
  readonly from: number | null;
  readonly answer: (reply: readonly Buffer[]) => Promise<void>;
}

/** The replay side. Each request is handed to `onRequest`. */
export async function scriptedReplay(t: TestContext, onRequest: (request: Request) => Promise<void>): Promise<string> {
  const socket = new Router({ linger: 0 });
  await socket.bind("tcp://127.0.0.1:*");
  let failure: unknown = null;
  const loop = async (): Promise<void> => {
    for await (const [identity, ...frames] of socket) {
      if (identity === undefined) throw new Error("a request without an identity");
      const last = frames[1];
      const from = frames.length === 2 && last?.length === 8 ? Number(last.readBigUInt64BE()) : null;
      await onRequest({ frames, from, answer: (reply) => socket.send([identity, ...reply]) });
    }
  };
  const done = loop().catch((error: unknown) => (failure = error));
  t.after(async () => {
    socket.close();
    await done;
    if (failure !== null) throw failure;
  });
  return socket.lastEndpoint ?? "";
}
