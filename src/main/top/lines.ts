/**
 * Lines of the terminal view, and what has to be written so that a terminal shows them. MAIN THREAD; pure.
 *
 * A line is a list of pieces, each with its style, so that it can be cut where the terminal ends without counting codes.
 */
export type Style = "plain" | "bold" | "dim" | "red" | "yellow" | "green";

export interface Piece {
  readonly text: string;
  readonly style: Style;
}

export type Line = readonly Piece[];

const CODES: Readonly<Record<Style, string>> = {
  plain: "",
  bold: "\u001B[1m",
  dim: "\u001B[2m",
  red: "\u001B[31m",
  yellow: "\u001B[33m",
  green: "\u001B[32m",
};
const RESET = "\u001B[0m";
const CLEAR = "\u001B[2J";
const WIPE_REST = "\u001B[K";

export function piece(text: string, style: Style = "plain"): Piece {
  return { text, style };
}

/** The line as it is written, cut to so many columns. */
export function painted(line: Line, columns: number, colour: boolean): string {
  let left = columns;
  let out = "";
  for (const { text, style } of line) {
    const shown = text.slice(0, Math.max(0, left));
    left -= shown.length;
    if (shown !== "") out += colour && style !== "plain" ? `${CODES[style]}${shown}${RESET}` : shown;
  }
  return out.trimEnd();
}

/** What turns one screen into the other: only lines that differ are written. `before` null: the terminal shows anything. */
export function difference(before: readonly string[] | null, after: readonly string[]): string {
  let out = before === null ? CLEAR : "";
  const rows = Math.max(before?.length ?? 0, after.length);
  for (let row = 0; row < rows; row++) {
    const line = after[row] ?? "";
    if (line !== (before?.[row] ?? "")) out += `\u001B[${row + 1};1H${line}${WIPE_REST}`;
  }
  return out;
}
