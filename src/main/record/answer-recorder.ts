/**
 * Writes the answers of an engine into a recording, as they arrive. MAIN THREAD.
 *
 * An empty list is not written: an idle engine gives a hundred of them a second, and a pause says the same.
 */
import { AnswerRedactor } from "./redact-answer.ts";
import { ENTRY } from "./recording-format.ts";
import type { RecordingWriter } from "./recording-writer.ts";

const PART_BYTES: number = 1024 * 1024;
/** `[]`, with white space; a shorter body cannot have an event in it. */
const MAX_EMPTY_BYTES = 16;

export class AnswerRecorder {
  answers: number = 0;
  failures: number = 0;
  readonly #writer: Pick<RecordingWriter, "add">;
  /** Null: tokens are kept. */
  readonly #redactor: AnswerRedactor | null;
  #pieces: Buffer[] = [];
  #bytes: number = 0;
  #atMs: number = 0;
  #begun: boolean = false;

  constructor(writer: Pick<RecordingWriter, "add">, options: { readonly tokens: boolean }) {
    this.#writer = writer;
    this.#redactor = options.tokens ? null : new AnswerRedactor();
  }

  begin(): void {
    this.#redactor?.begin();
    this.#pieces = [];
    this.#bytes = 0;
    this.#begun = false;
  }

  /** A piece of the answer that came at `atMs` since the start. Resolves when there is room for the next. */
  async piece(bytes: Buffer, atMs: number): Promise<void> {
    if (this.#bytes === 0 && !this.#begun) this.#atMs = atMs;
    this.#hold(this.#redactor === null ? bytes : this.#redactor.push(bytes));
    if (this.#bytes >= PART_BYTES) await this.#write(ENTRY.answerPart);
  }

  /** The answer is over, also where it broke off: what came of it is an answer to whoever reads the recording. */
  async end(): Promise<void> {
    if (this.#redactor !== null) this.#hold(this.#redactor.end());
    const isEmpty = !this.#begun && this.#bytes <= MAX_EMPTY_BYTES && this.#isEmptyList();
    if (!isEmpty) {
      this.answers++;
      await this.#write(ENTRY.answerEnd);
    }
    this.begin();
  }

  async failed(reason: string, atMs: number): Promise<void> {
    this.failures++;
    await this.#writer.add(ENTRY.failure, atMs, Buffer.from(reason));
  }

  #hold(bytes: Buffer): void {
    // A copy: the socket may use the memory again.
    this.#pieces.push(Buffer.from(bytes));
    this.#bytes += bytes.length;
  }

  #isEmptyList(): boolean {
    return /^(?:\s*\[\s*\])?\s*$/.test(Buffer.concat(this.#pieces).toString("latin1"));
  }

  async #write(kind: number): Promise<void> {
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    this.#begun = true;
    await this.#writer.add(kind, this.#atMs, bytes);
  }
}
