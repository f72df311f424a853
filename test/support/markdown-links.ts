/** Links of a page in Markdown, and whether there is what they point to. */
import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";

/** Links of the page that lead nowhere; those to other hosts are not looked at. */
export function deadLinks(file: string): readonly string[] {
  const text = readFileSync(file, "utf8");
  const links = Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), (match) => match[1] ?? "");
  return links.filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [name = "", anchor] = link.split("#");
    const target = name === "" ? file : path.resolve(path.dirname(file), name);
    if (!existsSync(target)) return true;
    return anchor !== undefined && statSync(target).isFile() && !anchorsOf(target).has(anchor);
  });
}

/** As the usual renderers make them of headings. */
function anchorsOf(file: string): ReadonlySet<string> {
  const headings = readFileSync(file, "utf8").matchAll(/^#+ (.+)$/gm);
  return new Set(
    Array.from(headings, ([, heading = ""]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .trim()
        .replaceAll(" ", "-"),
    ),
  );
}
