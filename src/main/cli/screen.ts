/**
 * A terminal that a command has for itself, and gives back as it was: after the end, an error, a signal. MAIN THREAD.
 *
 * Only lines that differ from what is shown are written, and nothing while the terminal has not taken what was written before.
 */
import type { ReadStream, WriteStream } from "node:tty";
import { difference } from "../top/lines.ts";

const ENTER = "\u001B[?1049h\u001B[?25l";
const LEAVE = "\u001B[?25h\u001B[?1049l";
const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;

export interface ScreenHandlers {
  /** A key, as the terminal writes it. */
  onKey(key: string): void;
  onResize(): void;
}

export class Screen {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #handlers: ScreenHandlers;
  readonly #leave: () => void = () => this.close();
  readonly #onData: (text: string) => void;
  readonly #onResize: () => void;
  #shown: readonly string[] | null = null;
  #open: boolean = true;

  /** Takes the terminal; `close` gives it back, and so does the end of the process. */
  constructor(input: ReadStream, output: WriteStream, handlers: ScreenHandlers) {
    this.#input = input;
    this.#output = output;
    this.#handlers = handlers;
    this.#onData = (text): void => {
      // A paste is many keys; an arrow is one of several characters.
      for (const key of text.startsWith("\u001B") ? [text] : text) this.#handlers.onKey(key);
    };
    this.#onResize = (): void => {
      this.#shown = null;
      this.#handlers.onResize();
    };
    process.once("exit", this.#leave);
    output.write(ENTER);
    if (input.isTTY) input.setRawMode(true);
    input.setEncoding("utf8").on("data", this.#onData).resume();
    output.on("resize", this.#onResize);
  }

  get columns(): number {
    return this.#output.columns || DEFAULT_COLUMNS;
  }

  get rows(): number {
    return this.#output.rows || DEFAULT_ROWS;
  }

  show(lines: readonly string[]): void {
    if (!this.#open || this.#output.writableNeedDrain) return;
    const change = difference(this.#shown, lines);
    this.#shown = lines;
    if (change !== "") this.#output.write(change);
  }

  /** May be called more than once. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    process.removeListener("exit", this.#leave);
    this.#output.removeListener("resize", this.#onResize);
    this.#input.removeListener("data", this.#onData).pause();
    if (this.#input.isTTY) this.#input.setRawMode(false);
    this.#output.write(LEAVE);
  }
}
