/**
 * YAML, or JSON, which YAML contains, as a tree of texts with their lines. The only user of the YAML library. MAIN THREAD.
 *
 * Values stay as they are written, not as YAML types, so that each reader decides what a text means: `007` stays `007`. Whoever
 * imports this file loads the library, so it is imported where a file is named and not before.
 */
import { Composer, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, Parser } from "yaml";
import type { CST, Scalar, YAMLMap } from "yaml";

/** The library may repeat all of the file in its words. */
const MAX_PROBLEM_CHARS = 300;
/** Of a thousand users of a web configuration there are about 6000. */
const MAX_TOKENS = 50_000;
/** The library calls itself for each level, and its errors about deep ones may end the process. */
const MAX_LEVELS = 50;
const MAX_INDENT_COLUMNS = 200;
/** The lexer's word for: what comes next is a scalar, whatever it looks like. */
const SCALAR_FOLLOWS = "\u001f";

export type YamlNode = YamlText | YamlList | YamlMap | YamlAlias;

interface YamlText {
  readonly kind: "text";
  /** As written; null where there is no value, or `null`. */
  readonly text: string | null;
  readonly line: number;
}

export interface YamlList {
  readonly kind: "list";
  readonly items: readonly YamlNode[];
  readonly line: number;
}

export interface YamlMap {
  readonly kind: "map";
  /** In order; no key is there twice. */
  readonly entries: readonly YamlEntry[];
  readonly line: number;
}

interface YamlEntry {
  readonly key: string;
  readonly line: number;
  readonly value: YamlNode;
}

/** A reference to another place of the file, which no reader here follows: a few of them can stand for millions of values. */
interface YamlAlias {
  readonly kind: "alias";
  readonly line: number;
}

/** What a file is not: YAML. */
export interface YamlProblem {
  readonly line: number;
  readonly message: string;
  /** The library's name for it. */
  readonly code: string;
}

/** The tree of a document, or what is wrong with it. Lines begin at 1. */
export function yamlTree(text: string): { readonly root: YamlNode } | { readonly problem: YamlProblem } {
  const lines = new LineCounter();
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const tokens = new BoundedTokens(text, lines);
  // The library compares each key of a map with all before it, which for a long one takes seconds; here it is done by a set.
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false });
  const [document, next] = withoutStacks(() => {
    const [first, second] = composer.compose(tokens.parsed(), true, text.length);
    return [first, second];
  });
  if (tokens.excess !== null) return { problem: tokens.excess };
  const [problem] = document?.errors ?? [];
  if (problem !== undefined) {
    const message = problem.message.slice(0, MAX_PROBLEM_CHARS);
    return { problem: { line: lineAt(problem.pos[0]), message, code: problem.code } };
  }
  if (next !== undefined) {
    return { problem: { line: lineAt(next.range[0]), message: "more documents than one", code: "MULTIPLE_DOCS" } };
  }
  const maker = new TreeMaker(lineAt);
  const root = maker.node(document?.contents, 0);
  return maker.problem === null ? { root } : { problem: maker.problem };
}

/**
 * Calls the library, which makes an error for each place that it does not like, thousands of them for a file that is none: of
 * these one is told, and nobody looks at where in the library it was made, which takes it most of its time.
 */
function withoutStacks<T>(call: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return call();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** The parser's tokens, up to where there is what a composer should not be given: it would take minutes, or all of the stack. */
class BoundedTokens {
  /** What there is too much of. */
  excess: YamlProblem | null = null;
  readonly #text: string;
  readonly #lines: LineCounter;
  #at: number = 0;
  #tokens: number = 0;
  #open: number = 0;
  #marks: number = 0;
  #isScalarNext: boolean = false;
  #isLineStart: boolean = true;

  constructor(text: string, lines: LineCounter) {
    this.#text = text;
    this.#lines = lines;
  }

  *parsed(): Generator<CST.Token, void> {
    const parser = new Parser(this.#lines.addNewLine);
    this.#lines.addNewLine(0);
    for (const token of new Lexer().lex(this.#text)) {
      const message = this.#excessWith(token);
      if (message !== null) {
        this.excess = { line: this.#lines.linePos(this.#at).line, message, code: "RESOURCE_EXHAUSTION" };
        return;
      }
      yield* parser.next(token);
      this.#at += token.length;
    }
    yield* parser.end();
  }

  #excessWith(token: string): string | null {
    if (++this.#tokens > MAX_TOKENS) return "more keys and values than a configuration has";
    if (token === SCALAR_FOLLOWS) {
      this.#isScalarNext = true;
      return null;
    }
    if (!this.#isScalarNext) {
      if (token === "[" || token === "{") this.#open++;
      else if (token === "]" || token === "}") this.#open--;
      else if (token === "-" || token === "?" || token === ":") this.#marks++;
      else if (token.endsWith("\n")) this.#marks = 0;
      const isDeep = this.#open > MAX_LEVELS || (this.#open === 0 && this.#marks > MAX_LEVELS);
      const isIndented = this.#isLineStart && token.startsWith(" ") && token.length > MAX_INDENT_COLUMNS;
      if (isDeep || isIndented) return "lists and maps in each other to too many levels";
    }
    this.#isScalarNext = false;
    this.#isLineStart = token.endsWith("\n");
    return null;
  }
}

/** Makes the tree, and finds keys that stand in a map twice. */
class TreeMaker {
  /** The first that was found. */
  problem: YamlProblem | null = null;
  readonly #lineAt: (offset: number) => number;

  constructor(lineAt: (offset: number) => number) {
    this.#lineAt = lineAt;
  }

  node(value: unknown, at: number): YamlNode {
    const offset = isScalar(value) || isMap(value) || isSeq(value) || isAlias(value) ? (value.range?.[0] ?? at) : at;
    const line = this.#lineAt(offset);
    if (isAlias(value)) return { kind: "alias", line };
    if (isSeq(value)) return { kind: "list", line, items: value.items.map((item) => this.node(item, offset)) };
    if (isMap(value)) return { kind: "map", line, entries: this.#entries(value, offset) };
    return { kind: "text", line, text: isScalar(value) && value.value !== null ? written(value) : null };
  }

  #entries({ items }: YAMLMap, at: number): YamlEntry[] {
    const keys = new Set<string>();
    return items.map((pair) => {
      const keyAt = isScalar(pair.key) ? (pair.key.range?.[0] ?? at) : at;
      const key = isScalar(pair.key) ? written(pair.key) : "";
      const line = this.#lineAt(keyAt);
      if (keys.has(key)) this.problem ??= { line, message: "Map keys must be unique", code: "DUPLICATE_KEY" };
      keys.add(key);
      return { key, line, value: this.node(pair.value, keyAt) };
    });
  }
}

function written(scalar: Scalar): string {
  return typeof scalar.value === "string" ? scalar.value : (scalar.source ?? String(scalar.value));
}
