/** Recordings for tests: whole files as bytes, and what a reader makes of bytes. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import type { Entry, RecordingKind } from "../../src/main/record/recording-format.ts";
import { RecordingReader } from "../../src/main/record/recording-reader.ts";
import { RecordingWriter } from "../../src/main/record/recording-writer.ts";

/** A directory that is gone after the test. */
export async function temporaryDirectory(t: Pick<TestContext, "after">): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), "kvcast-record-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** The bytes of a recording; each list of entries is a chunk. */
export async function recordingOf(
  file: string,
  kind: RecordingKind,
  chunks: readonly (readonly Entry[])[],
): Promise<Buffer> {
  await rm(file, { force: true });
  const writer = await RecordingWriter.create(file, { kind, tokens: false, created: "", kvcast: "0" });
  for (const entries of chunks) {
    for (const { kind: entry, atMs, bytes } of entries) await writer.add(entry, atMs, bytes);
    await writer.flush();
  }
  await writer.end(1e6);
  return readFile(file);
}

export interface ReadBack {
  readonly entries: readonly Entry[];
  readonly complete: boolean;
  readonly error: unknown;
}

/** What there is to be read of these bytes, until the end or an error. */
export async function readBack(file: string, bytes: Buffer): Promise<ReadBack> {
  await writeFile(file, bytes);
  const entries: Entry[] = [];
  let reader: RecordingReader | null = null;
  try {
    reader = await RecordingReader.open(file);
    for await (const entry of reader.entries()) entries.push({ ...entry, bytes: Buffer.from(entry.bytes) });
    return { entries, complete: reader.complete, error: null };
  } catch (error) {
    return { entries, complete: false, error };
  } finally {
    await reader?.close();
  }
}
