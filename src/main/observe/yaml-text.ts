/** YAML for files that people read and change: long lines stay whole, comments stand at the top. MAIN THREAD. */
import { stringify } from "yaml";

/** The documents, with the comment lines before the first. */
export function yamlText(documents: readonly unknown[], comments: readonly string[] = []): string {
  const bodies = documents.map((each) => stringify(each, { lineWidth: 0, aliasDuplicateObjects: false }));
  return [...comments.map((line) => (line === "" ? "#\n" : `# ${line}\n`)), bodies.join("---\n")].join("");
}
