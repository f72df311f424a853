/**
 * Label injection for a text that the program printed itself. ANY THREAD.
 *
 * Whatever stands behind the labels (value, timestamp, exemplar) is kept as it is, and so are comments. A line that cannot be
 * read is a bug of whoever printed it: it is refused aloud, and not handed on with labels missing.
 */
import { KvcastError } from "../../shared/errors.ts";
import { HASH, LINE_FEED, skipBlanks, SPACE, viewed } from "./bytes.ts";
import { type InjectedLabels, LabelInjection } from "./label-injection.ts";
import { SampleScanner } from "./sample-scanner.ts";

/** Throws LabelRefusedError, and KVCAST_EXPFMT_SYNTAX for a line that is no sample. */
export function injectLabels(text: string, labels: InjectedLabels): string {
  const scanner = new SampleScanner();
  const injection = new LabelInjection(labels, scanner);
  const bytes = Buffer.from(text);
  const parts: Buffer[] = [];
  let number = 0;
  for (let start = 0; start < bytes.length;) {
    number++;
    const feed = bytes.indexOf(LINE_FEED, start);
    const next = feed < 0 ? bytes.length : feed + 1;
    const end = feed < 0 ? next : feed;
    const first = skipBlanks(bytes, start, end);
    if (first === end || bytes[first] === HASH) {
      parts.push(bytes.subarray(start, next));
    } else {
      const refusal = scanner.name(bytes, start, end) ?? scanner.labels(bytes, end);
      if (refusal !== null) throw new KvcastError("KVCAST_EXPFMT_SYNTAX", `line ${number} is no sample (${refusal})`);
      parts.push(withLabels(bytes, scanner, injection, next));
    }
    start = next;
  }
  return Buffer.concat(parts).toString();
}

function withLabels(bytes: Buffer, scanner: SampleScanner, injection: LabelInjection, next: number): Buffer {
  const { nameFrom, nameTo, headTo } = scanner;
  const line = Buffer.allocUnsafe(next - nameFrom + injection.maxBytes + 1);
  let at = bytes.copy(line, 0, nameFrom, nameTo);
  injection.apply(bytes, scanner);
  at = injection.write(bytes, scanner, viewed(line), at);
  const rest = skipBlanks(bytes, headTo, next);
  line[at++] = SPACE;
  at += bytes.copy(line, at, rest, next);
  return line.subarray(0, at);
}
