/** What a parsed page says, as plain data to compare. */
import type { ExpositionFamily } from "../../src/main/expfmt/family.ts";
import { type ExpositionPage, type PageOptions, PageParser } from "../../src/main/expfmt/page-parser.ts";
import { REFUSALS, type RefusalCounts } from "../../src/main/expfmt/refusal.ts";

/** Pushes the text in pieces of `pieceBytes`, all at once by default. */
export function parsePage(
  text: string | Buffer,
  options: PageOptions = {},
  pieceBytes: number = Infinity,
): ExpositionPage {
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
  const parser = new PageParser(options);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    // A copy: the parser must not keep what it was lent.
    const piece = Buffer.from(bytes.subarray(at, Math.min(bytes.length, at + pieceBytes)));
    parser.push(piece);
    piece.fill(0xee);
  }
  return parser.end();
}

export function linesOf({ lines }: ExpositionFamily): string[] {
  return Buffer.concat(lines).toString().split("\n").slice(0, -1);
}

/** Families with their lines, in order. */
export function familiesOf({ families }: Pick<ExpositionPage, "families">): unknown[] {
  return families.map((family) => ({
    name: family.name,
    type: family.type,
    help: family.help,
    lines: linesOf(family),
  }));
}

/** Reasons that were counted, without zeros. */
export function refusedOf(counts: Readonly<RefusalCounts>): Partial<RefusalCounts> {
  return Object.fromEntries(REFUSALS.filter((reason) => counts[reason] > 0).map((reason) => [reason, counts[reason]]));
}
