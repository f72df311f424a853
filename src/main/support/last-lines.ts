/** The end of a log, from a file of any size or from standard input. MAIN THREAD, in `kvcast support-bundle`. */
import { type FileHandle, open } from "node:fs/promises";
import { ConfigError } from "../../shared/errors.ts";
import { fileTrouble } from "../file-trouble.ts";

/** Of the end of the file, or of what has come in. */
const MAX_BYTES = 8 * 1024 * 1024;

/** At most `count` lines and 8 MiB. `-` is standard input. Throws ConfigError for a file that cannot be read. */
export async function lastLines(file: string, count: number): Promise<string> {
  const text = (file === "-" ? await lastOfStream(process.stdin) : await lastOfFile(file)).toString("utf8");
  const lines = text.replace(/\n$/, "").split("\n");
  return `${lines.slice(-count).join("\n")}\n`;
}

async function lastOfFile(file: string): Promise<Buffer> {
  let handle: FileHandle | null = null;
  try {
    handle = await open(file);
    const { size } = await handle.stat();
    const start = Math.max(0, size - MAX_BYTES);
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(size - start), position: start });
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw new ConfigError("--log-file", `--log-file: cannot read the file: ${fileTrouble(error, file, "read")}`, error);
  } finally {
    await handle?.close();
  }
}

async function lastOfStream(stream: AsyncIterable<Buffer | string>): Promise<Buffer> {
  let held = Buffer.alloc(0);
  for await (const chunk of stream) held = Buffer.concat([held, Buffer.from(chunk)]).subarray(-MAX_BYTES);
  return held;
}
