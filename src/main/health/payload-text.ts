/**
 * A health check's payload as a person writes it: JSON, or @file with JSON in it. Any thread; part of the library.
 *
 * The rules, and the lines of the log, are those of Dynamo's Python. Where its JSON parser would go into detail, ours does not: the
 * text may hold what belongs in no log.
 */
import { codeOf, messageOf } from "../../shared/errors.ts";
import { isFields } from "../../shared/json-object.ts";
import { readAtMostSync } from "../read-at-most.ts";

/** Fields by name, as JSON has them. */
export type PayloadFields = Readonly<Record<string, unknown>>;

/** What tells a probe from requests of people. */
export const HEALTH_CHECK_KEY = "_HEALTH_CHECK";

/** The variable with a payload in place of the default one. */
export const PAYLOAD_VARIABLE = "DYN_HEALTH_CHECK_PAYLOAD";

/** Takes a line of the log. Nobody, by default. */
export interface PayloadLog {
  debug(msg: string): void;
  info(msg: string): void;
  warn(msg: string): void;
}

export const SILENT: PayloadLog = { debug: () => {}, info: () => {}, warn: () => {} };

/** A far longer file is no payload. */
const MAX_TEXT_BYTES: number = 1024 * 1024;

/** `fields`, or why there are none. */
export type ReadPayload = { readonly fields: PayloadFields } | { readonly refused: string };

/** Reads JSON text or @file. Throws TypeError for a file that is no UTF-8. */
export function readPayload(text: string, name: string): ReadPayload {
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith("@") ? textOfFile(text.slice(1)) : text);
  } catch (error) {
    // That one is nobody's typing error, and is not caught by the reference either.
    if (error instanceof TypeError) throw error;
    const why = error instanceof SyntaxError ? "it is not valid JSON" : messageOf(error);
    return { refused: `Failed to parse ${name}: ${why}` };
  }
  if (!isFields(value)) return { refused: `${name} must be a JSON object (dict). Got: ${pythonTypeOf(value)}` };
  return { fields: value };
}

/** The payload of a variable; null when it is not set, or is none, of which the log is told. */
export function loadHealthCheckFromEnv(
  name: string = PAYLOAD_VARIABLE,
  env: Readonly<Record<string, string | undefined>> = process.env,
  log: PayloadLog = SILENT,
): PayloadFields | null {
  const text = env[name];
  if (text === undefined || text === "") return null;
  const read = readPayload(text, name);
  if ("fields" in read) return read.fields;
  log.warn(read.refused);
  return null;
}

/** The same of an argument: JSON or @file, with the marker put on it; null when it is none. */
export function parseHealthCheckPayload(text: string): PayloadFields | null {
  const read = readPayload(text, "the payload");
  return "fields" in read ? { ...read.fields, [HEALTH_CHECK_KEY]: true } : null;
}

/** Whether a request is a probe. Only `true` says so, not what merely counts as true. */
export function isProbe(request: unknown): boolean {
  return isFields(request) && request[HEALTH_CHECK_KEY] === true;
}

function textOfFile(file: string): string {
  let bytes: Buffer | null;
  try {
    bytes = readAtMostSync(file, MAX_TEXT_BYTES);
  } catch (error) {
    throw new Error(fileProblem(error, file), { cause: error });
  }
  if (bytes === null) throw new Error(`the file is longer than ${MAX_TEXT_BYTES} bytes`);
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** In the words of Python, whose users search for them. */
function fileProblem(error: unknown, file: string): string {
  const code = codeOf(error);
  const errno = error instanceof Error && "errno" in error ? error.errno : undefined;
  const words = code === undefined ? undefined : ERRNO_WORDS[code];
  if (words === undefined || typeof errno !== "number") return messageOf(error);
  return `[Errno ${Math.abs(errno)}] ${words}: '${file}'`;
}

const ERRNO_WORDS: Readonly<Record<string, string>> = {
  ENOENT: "No such file or directory",
  EACCES: "Permission denied",
  EISDIR: "Is a directory",
};

function pythonTypeOf(value: unknown): string {
  if (Array.isArray(value)) return "list";
  if (value === null) return "NoneType";
  if (typeof value === "string") return "str";
  if (typeof value === "boolean") return "bool";
  return Number.isInteger(value) ? "int" : "float";
}
