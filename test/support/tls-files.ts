/**
 * Certificates that a test makes for itself with openssl: authorities of its own, and what they sign, under any names. Where
 * fixed ones will do there are those of test/fixtures/tls.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { requireTool } from "./tools.ts";

/** File names. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends KeyPair {
  /** `sans` as openssl writes them: `DNS:a,IP:::1,URI:spiffe://x`. */
  issue(name: string, usage: "serverAuth" | "clientAuth", sans: string): KeyPair;
}

export interface TlsFiles {
  readonly folder: string;
  authority(name: string): Authority;
}

/** A temporary folder for certificates. Null: openssl is missing, and the test has been skipped. */
export function tlsFiles(t: TestContext): TlsFiles | null {
  const openssl = requireTool(t, "openssl");
  if (openssl === null) return null;
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-tls-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const run = (...args: readonly string[]): void => {
    const { status, stderr } = spawnSync(openssl, args, { cwd: folder, encoding: "utf8" });
    if (status !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr}`);
  };
  const newKey = (file: string): void => run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", file);
  const fileOf = (name: string): string => path.join(folder, name);

  const authority = (ca: string): Authority => {
    newKey(`${ca}.key`);
    run("req", "-x509", "-new", "-key", `${ca}.key`, "-days", "30", "-subj", `/CN=${ca}`, "-out", `${ca}.pem`);
    const issue: Authority["issue"] = (name, usage, sans) => {
      newKey(`${name}.key`);
      run("req", "-new", "-key", `${name}.key`, "-subj", `/CN=${name}`, "-out", `${name}.csr`);
      writeFileSync(
        fileOf(`${name}.ext`),
        `basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=${usage}\nsubjectAltName=${sans}\n`,
      );
      const signing = ["-CA", `${ca}.pem`, "-CAkey", `${ca}.key`, "-CAcreateserial", "-days", "30"];
      run("x509", "-req", "-in", `${name}.csr`, ...signing, "-extfile", `${name}.ext`, "-out", `${name}.pem`);
      return { cert: fileOf(`${name}.pem`), key: fileOf(`${name}.key`) };
    };
    return { cert: fileOf(`${ca}.pem`), key: fileOf(`${ca}.key`), issue };
  };
  return { folder, authority };
}
