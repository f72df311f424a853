/** `kvcast support-bundle`: one file for whoever is to help. MAIN THREAD. */
import { writeFileSync } from "node:fs";
import type { BundleConfig } from "../config/load-bundle.ts";
import type { Environment } from "../config/option-spec.ts";
import { EXIT } from "../../shared/errors.ts";
import { bundleFiles, gatherBundle } from "../support/bundle.ts";
import { tarGz } from "../support/tar.ts";
import { shownJson } from "./config.ts";
import { VERSION } from "./version.ts";
import { fileTrouble } from "../file-trouble.ts";

interface BundleIo {
  readonly env: Environment;
  out(text: string): void;
  err(text: string): void;
}

/** Resolves with the exit code. */
export async function runSupportBundle(config: BundleConfig, io: BundleIo): Promise<number> {
  const now = new Date();
  const folder = `kvcast-support-${now.toISOString().slice(0, 19).replaceAll(":", "").replace("T", "-")}`;
  const output = config.output ?? `${folder}.tar.gz`;
  const parts = await gatherBundle(config, {
    env: io.env,
    version: VERSION,
    shown: shownJson,
    onBegin: (what) => {
      if (process.stderr.isTTY) io.err(`kvcast: ${what} …\n`);
    },
  });
  try {
    writeFileSync(output, tarGz(bundleFiles(folder, parts), now.getTime() / 1000), { flag: "wx", mode: 0o600 });
  } catch (error) {
    io.err(`kvcast: error: ${output} cannot be written: ${fileTrouble(error, output, "write")}\n`);
    return EXIT.unavailable;
  }
  if (config.json) {
    const files = parts.map(({ name, content, missing }) => {
      return { name, bytes: content === null ? null : Buffer.byteLength(content), missing };
    });
    io.out(`${JSON.stringify({ output, folder, files })}\n`);
    return EXIT.ok;
  }
  const lines = parts.map(({ name, holds, content, missing }) => {
    const size = content === null ? `missing: ${missing}` : `${Buffer.byteLength(content)} bytes`;
    return `  ${name.padEnd(14)} ${holds} (${size})\n`;
  });
  io.out(`${output}\n${lines.join("")}`);
  io.err("kvcast: secrets are masked; look through it before you send it\n");
  return EXIT.ok;
}
