/**
 * A leader and a worker of active messages that share no code with ours: what Dynamo's block manager puts on the wire and how it
 * takes what it gets, weaknesses included, written frame by frame.
 */
import type { TestContext } from "node:test";
import { Publisher, Pull, Push, Subscriber } from "zeromq";

export interface RawEndpoints {
  readonly pub: string;
  readonly ack: string;
}

/** Message numbers are u64, big-endian. */
export function rawId(id: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(id, 4);
  return bytes;
}

/** Unsigned integers below 2^32 as bincode writes them. */
export function rawStruct(...fields: readonly number[]): Buffer {
  const parts = fields.map((field) => {
    if (field < 251) return Buffer.from([field]);
    const bytes = Buffer.alloc(field < 0x1_0000 ? 3 : 5);
    bytes[0] = field < 0x1_0000 ? 0xfb : 0xfc;
    bytes.writeUIntLE(field, 1, bytes.length - 1);
    return bytes;
  });
  return Buffer.concat(parts);
}

/** A leader that counts what comes by its id, and waits for ever. */
export class RawLeader {
  /** All that came in, frame by frame. */
  readonly heard: Buffer[][] = [];
  readonly endpoints: RawEndpoints;
  readonly #pub: Publisher;
  readonly #pull: Pull;
  #lastId: number = 0;
  #onHeard: () => void = () => {};

  private constructor(t: TestContext, pub: Publisher, pull: Pull) {
    this.#pub = pub;
    this.#pull = pull;
    this.endpoints = { pub: pub.lastEndpoint ?? "", ack: pull.lastEndpoint ?? "" };
    t.after(() => this.close());
    void this.#listen();
  }

  static async bind(
    t: TestContext,
    at: RawEndpoints = { pub: "tcp://127.0.0.1:*", ack: "tcp://127.0.0.1:*" },
  ): Promise<RawLeader> {
    const pub = new Publisher({ linger: 0 });
    const pull = new Pull({ linger: 0 });
    await pub.bind(at.pub);
    await pull.bind(at.ack);
    return new RawLeader(t, pub, pull);
  }

  /** Sends a command; its id. */
  async send(name: string, ...data: readonly Buffer[]): Promise<number> {
    const id = ++this.#lastId;
    await this.#pub.send([rawId(id), name, ...data]);
    return id;
  }

  async sendFrames(...frames: readonly (Buffer | string)[]): Promise<void> {
    await this.#pub.send([...frames]);
  }

  answersTo(id: number): Buffer[][] {
    return this.heard.filter(([first]) => first?.equals(rawId(id)));
  }

  /** Resolves when so many have answered, whatever they say. */
  async answered(id: number, count: number): Promise<Buffer[][]> {
    for (;;) {
      const answers = this.answersTo(id);
      if (answers.length >= count) return answers;
      await new Promise<void>((resolve) => (this.#onHeard = resolve));
    }
  }

  /** Repeats a command, each time with a new id, until so many have answered one of them. */
  async repeat(name: string, data: readonly Buffer[], count: number): Promise<Buffer[][]> {
    for (;;) {
      const id = await this.send(name, ...data);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), 100)));
      const answers = await Promise.race([this.answered(id, count), late]);
      clearTimeout(timer);
      if (answers !== null) return answers;
    }
  }

  /** The three phases for so many workers. The replies to the first. */
  async handshake(count: number, hostBlocks: number): Promise<Buffer[][]> {
    const replies = await this.repeat("worker_metadata", [], count);
    await this.repeat("leader_metadata", [rawStruct(hostBlocks, 0)], count);
    await this.repeat("ping", [], count);
    return replies;
  }

  close(): void {
    this.#pub.close();
    this.#pull.close();
  }

  async #listen(): Promise<void> {
    try {
      for await (const frames of this.#pull) {
        this.heard.push(frames);
        this.#onHeard();
      }
    } catch {
      // Closed.
    }
  }
}

export interface RawWorkerOptions {
  /** What it says of itself: device blocks and bytes of a block. */
  readonly blocks?: readonly [number, number];
  readonly silent?: readonly string[];
}

/** A worker that does as much as the four functions ask for, and dies of any other, as it does of a frame that is wrong. */
export class RawWorker {
  readonly heard: Buffer[][] = [];
  /** What it died of. */
  death: string | null = null;
  /** Held back: whether it answers pings. */
  isReady: boolean = false;
  readonly #sub: Subscriber = new Subscriber({ linger: 0, reconnectInterval: 20 });
  readonly #push: Push = new Push({ linger: 0, reconnectInterval: 20 });
  readonly #silent: ReadonlySet<string>;
  readonly #blocks: readonly [number, number];

  /** `silent`: functions that it hears and never answers. */
  static connect(t: TestContext, endpoints: RawEndpoints, options: RawWorkerOptions = {}): RawWorker {
    return new RawWorker(t, endpoints, options);
  }

  private constructor(t: TestContext, { pub, ack }: RawEndpoints, options: RawWorkerOptions) {
    this.#blocks = options.blocks ?? [1024, 2_097_152];
    this.#silent = new Set(options.silent ?? []);
    this.#sub.connect(pub);
    this.#push.connect(ack);
    this.#sub.subscribe("");
    t.after(() => this.close());
    void this.#listen();
  }

  /** Pushes anything. */
  async push(...frames: readonly Buffer[]): Promise<void> {
    await this.#push.send([...frames]);
  }

  close(): void {
    this.#sub.close();
    this.#push.close();
  }

  async #listen(): Promise<void> {
    try {
      for await (const frames of this.#sub) {
        this.heard.push(frames);
        await this.#obey(frames);
      }
    } catch (error) {
      if (!this.#sub.closed) this.#die(String(error));
    }
  }

  async #obey(frames: readonly Buffer[]): Promise<void> {
    const [id, name, ...data] = frames;
    if (id === undefined || name === undefined || id.length !== 8) return this.#die("frames");
    if (this.#silent.has(name.toString())) return;
    switch (name.toString()) {
      case "worker_metadata":
        return this.#say([id, name, rawStruct(...this.#blocks)]);
      case "leader_metadata":
        this.isReady = true;
        return this.#say([id]);
      case "ping":
        return this.isReady ? this.#say([id]) : undefined;
      case "transfer_blocks":
        if (data.length !== 1) return this.#die("transfer_blocks");
        JSON.parse(data[0]?.toString() ?? "");
        return this.#say([id]);
      default:
        return this.#die(name.toString());
    }
  }

  async #say(frames: Buffer[]): Promise<void> {
    await this.#push.send(frames);
  }

  #die(reason: string): void {
    this.death = reason;
    this.close();
  }
}
