/** Files that options name, never more of them than such a file has. MAIN THREAD, at start and when they are to be read again. */
import { ConfigError } from "../../shared/errors.ts";
import { fileTrouble } from "../file-trouble.ts";
import { readAtMostSync } from "../read-at-most.ts";
import { type Place, refused } from "./option-spec.ts";

/** Throws ConfigError for a file that cannot be read, or is larger. */
export function readBounded(file: string, place: Place, maxBytes: number): Buffer {
  let content: Buffer | null;
  try {
    content = readAtMostSync(file, maxBytes);
  } catch (error) {
    throw new ConfigError(
      place.option,
      `${place.label}: cannot read the file: ${fileTrouble(error, file, "read")}`,
      error,
    );
  }
  if (content === null) throw refused(place, `${file} is larger than ${maxBytes} bytes`);
  return content;
}
