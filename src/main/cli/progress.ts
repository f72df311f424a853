/**
 * One line on stderr that says how far a command is, on a terminal and from the second second on. MAIN THREAD.
 *
 * It is for work that takes a while; what is over in a moment, or talks to a file or a pipe, shows nothing. The line is wiped
 * before anything else is said.
 */
const SHOWN_AFTER_MS = 1000;
const EVERY_MS = 200;
const BAR_COLUMNS = 24;
/** To the start of the line, and wipe what is behind it. */
const WIPE = "\r\u001B[K";

export interface ProgressOptions {
  /** Whether there is a terminal to draw on, and nothing else is written to it. */
  readonly shown: boolean;
  readonly write: (text: string) => void;
  /** What is written; the share that is done, 0 to 1, or null where the end is not known. */
  readonly state: () => { readonly share: number | null; readonly text: string };
  /** Columns of the terminal. */
  readonly columns: () => number;
}

export class Progress {
  readonly #options: ProgressOptions;
  readonly #begin: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #drawn: boolean = false;

  /** Begins; `end` must follow. */
  constructor(options: ProgressOptions) {
    this.#options = options;
    if (!options.shown) return;
    this.#begin = setTimeout(() => {
      this.#draw();
      this.#timer = setInterval(() => this.#draw(), EVERY_MS).unref();
    }, SHOWN_AFTER_MS).unref();
  }

  /** Wipes the line and draws no more. */
  end(): void {
    clearTimeout(this.#begin);
    clearInterval(this.#timer);
    this.wipe();
  }

  /** Makes room for something else that is said; the line comes back by itself. */
  wipe(): void {
    if (this.#drawn) this.#options.write(WIPE);
    this.#drawn = false;
  }

  #draw(): void {
    const { share, text } = this.#options.state();
    this.#options.write(WIPE + progressLine(share, text, this.#options.columns()));
    this.#drawn = true;
  }
}

/** The line, no longer than the terminal is wide. */
export function progressLine(share: number | null, text: string, columns: number): string {
  const room = Math.max(0, columns - 1);
  if (share === null) return text.slice(0, room);
  const done = Math.round(Math.min(1, Math.max(0, share)) * BAR_COLUMNS);
  const bar = `[${"#".repeat(done)}${".".repeat(BAR_COLUMNS - done)}]`;
  return `${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ${text}`.slice(0, room);
}
