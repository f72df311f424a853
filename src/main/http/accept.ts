/**
 * What a scraper wants of the page: its format and its coding, from the headers of its request. MAIN THREAD; pure.
 *
 * The older text format is what everyone gets who does not ask for another one; nobody is turned away.
 */
const OPEN_METRICS = "application/openmetrics-text";
const TEXT = "text/plain";
/** Versions of each; another one is not what we have. An absent version is any. */
const OPEN_METRICS_VERSIONS: readonly string[] = ["1.0.0", "0.0.1"];
const TEXT_VERSIONS: readonly string[] = ["0.0.4"];

export interface AcceptedFormat {
  readonly format: "text" | "openmetrics";
  readonly contentType: string;
}

interface Range {
  readonly name: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** By the `Accept` header. At equal wish the newer format goes first, as with other exporters. */
export function acceptedFormat(accept: string | undefined): AcceptedFormat {
  const ranges = rangesOf(accept ?? "");
  const wish = (name: string, versions: readonly string[], others: readonly string[]): Range | undefined =>
    ranges
      .filter((range) => range.name === name || others.includes(range.name))
      .filter(({ parameters }) => versions.includes(parameters.get("version") ?? versions[0] ?? ""))
      .toSorted((a, b) => b.quality - a.quality)[0];
  const open = wish(OPEN_METRICS, OPEN_METRICS_VERSIONS, []);
  const text = wish(TEXT, TEXT_VERSIONS, ["text/*", "*/*"]);
  if (open !== undefined && open.quality > 0 && open.quality >= (text?.quality ?? 0)) {
    const version = open.parameters.get("version") ?? OPEN_METRICS_VERSIONS[0] ?? "";
    return { format: "openmetrics", contentType: `${OPEN_METRICS}; version=${version}; charset=utf-8` };
  }
  return { format: "text", contentType: `${TEXT}; version=0.0.4; charset=utf-8` };
}

/** By the `Accept-Encoding` header. */
export function acceptsGzip(encodings: string | undefined): boolean {
  const ranges = rangesOf(encodings ?? "");
  const named = ranges.find(({ name }) => name === "gzip") ?? ranges.find(({ name }) => name === "*");
  return named !== undefined && named.quality > 0;
}

/** Heads of requests are bounded, so this is too. */
function rangesOf(header: string): readonly Range[] {
  return header.split(",").map((part) => {
    const [name = "", ...rest] = part.split(";").map((word) => word.trim().toLowerCase());
    const parameters = new Map(
      rest.map((parameter) => {
        const [key = "", value = ""] = parameter.split("=", 2);
        return [key.trim(), value.trim().replaceAll('"', "")] as const;
      }),
    );
    const quality = Number(parameters.get("q") ?? "1");
    return { name, parameters, quality: quality >= 0 && quality <= 1 ? quality : 0 };
  });
}
