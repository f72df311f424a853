/**
 * YAML, or JSON, which YAML contains, as a tree of texts with their lines. The only user of the YAML library. MAIN THREAD.
 *
 * Values stay as they are written, not as YAML types, so that each reader decides what a text means: `007` stays `007`. Whoever
 * imports this file loads the library, so it is imported where a file is named and not before.
 */
import { isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, parseDocument } from "yaml";
import type { Scalar } from "yaml";

/** The library may repeat all of the file in its words. */
const MAX_PROBLEM_CHARS = 300;
/** Of a thousand users of a web configuration there are about 6000. The library compares each key of a map with all others. */
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
  const excess = excessOf(text);
  if (excess !== null) return { problem: excess };
  const lines = new LineCounter();
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const message = problem.message.slice(0, MAX_PROBLEM_CHARS);
    return { problem: { line: lineAt(problem.pos[0]), message, code: problem.code } };
  }
  return { root: nodeOf(document.contents, 0, lineAt) };
}

/** What a parser should not be given: it would take minutes, or all of the stack. */
function excessOf(text: string): YamlProblem | null {
  let [at, tokens, open, marks] = [0, 0, 0, 0];
  let [isScalarNext, isLineStart] = [false, true];
  const problem = (message: string): YamlProblem => {
    return { line: text.slice(0, at).split("\n").length, message, code: "RESOURCE_EXHAUSTION" };
  };
  for (const token of new Lexer().lex(text)) {
    if (++tokens > MAX_TOKENS) return problem("more keys and values than a configuration has");
    if (token === SCALAR_FOLLOWS) {
      isScalarNext = true;
      continue;
    }
    if (!isScalarNext) {
      if (token === "[" || token === "{") open++;
      else if (token === "]" || token === "}") open--;
      else if (token === "-" || token === "?" || token === ":") marks++;
      else if (token.endsWith("\n")) marks = 0;
      const isDeep = open > MAX_LEVELS || (open === 0 && marks > MAX_LEVELS);
      const isIndented = isLineStart && token.startsWith(" ") && token.length > MAX_INDENT_COLUMNS;
      if (isDeep || isIndented) return problem("lists and maps in each other to too many levels");
    }
    isScalarNext = false;
    isLineStart = token.endsWith("\n");
    at += token.length;
  }
  return null;
}

function nodeOf(value: unknown, at: number, lineAt: (offset: number) => number): YamlNode {
  const offset = isScalar(value) || isMap(value) || isSeq(value) || isAlias(value) ? (value.range?.[0] ?? at) : at;
  const line = lineAt(offset);
  if (isAlias(value)) return { kind: "alias", line };
  if (isSeq(value)) return { kind: "list", line, items: value.items.map((item) => nodeOf(item, offset, lineAt)) };
  if (isMap(value)) {
    const entries = value.items.map((pair) => {
      const keyAt = isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      const key = isScalar(pair.key) ? written(pair.key) : "";
      return { key, line: lineAt(keyAt), value: nodeOf(pair.value, keyAt, lineAt) };
    });
    return { kind: "map", line, entries };
  }
  return { kind: "text", line, text: isScalar(value) && value.value !== null ? written(value) : null };
}

function written(scalar: Scalar): string {
  return typeof scalar.value === "string" ? scalar.value : (scalar.source ?? String(scalar.value));
}
