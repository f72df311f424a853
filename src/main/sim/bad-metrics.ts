/** Metrics pages that no engine should have, for whoever reads them. MAIN THREAD. */

const BLOATED_BYTES = 10_000_000;
const BOMB_LABELS = 1000;
const LONG_VALUE_CHARS = 100_000;

/** In the format, but far too much of it. */
export function bloatedPage(): Buffer {
  const lines: string[] = ["# TYPE trtllm_bloat gauge\n"];
  for (let bytes = 0, i = 0; bytes < BLOATED_BYTES; i++) {
    const line = `trtllm_bloat{number="${i}"} 1\n`;
    lines.push(line);
    bytes += line.length;
  }
  return Buffer.from(lines.join(""));
}

/** To be put behind a sound page. */
export function lyingLines(): Buffer {
  const bomb = Array.from({ length: BOMB_LABELS }, (_, i) => `l${i}="v"`).join(",");
  const text = [
    "# TYPE trtllm_lies gauge",
    'trtllm_lies{a="1",b="2"} 1',
    'trtllm_lies{b="2",a="1"} 2',
    "# TYPE trtllm_lies counter",
    `trtllm_lies{${bomb}} 1`,
    `trtllm_lies{a="${"v".repeat(LONG_VALUE_CHARS)}"} 1`,
    'trtllm_lies{a="\\d"} 1',
    "trtllm_lies 0x10",
    'trtllm_lies{a="1",a="2"} 1',
    'kvcast_source_up{engine="engine0",kind="http"} 1',
  ].join("\n");
  return Buffer.concat([Buffer.from(`${text}\ntrtllm_lies{a="`), Buffer.from([0xff, 0xfe]), Buffer.from('"} 1\n')]);
}
