/** The file that says who may scrape, and what a client says of itself: taken, or refused in words. */
import assert from "node:assert/strict";
import path from "node:path";
import { flagPlace } from "../../../src/main/config/option-spec.ts";
import { basicCredentials } from "../../../src/main/web-config/credentials.ts";
import { loadWebConfig, type ReadFile } from "../../../src/main/web-config/web-config-file.ts";
import { ConfigError } from "../../../src/shared/errors.ts";
import { fixture } from "../fixtures.ts";
import { RealFile } from "../real-file.ts";
import { YAML_SYNTAX } from "../syntax.ts";
import { type FuzzTarget, joinParts, partsOf, type Session } from "../target.ts";

/** A message may hold the name of a file that it is about, twice, and inputs have long ones. */
const LONGEST_MESSAGE = 9000;
const PLACE = flagPlace("web-config-file");
const HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
const HASH_TAIL = HASH.slice(10);
const USERS = `basic_auth_users:\n  alice: ${HASH}\n  bob: "${HASH}"\n`;
const REST = `http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
    Strict-Transport-Security: max-age=31536000
rate_limit:
  burst: 5
  interval: 1m30s
`;

function pem(name: string): string {
  return fixture(`tls/${name}.pem`).toString().trim().replaceAll("\n", "\n    ");
}

function tls(): string {
  return `tls_server_config:
  cert: |
    ${pem("server")}
  key: |
    ${pem("server.key")}
  client_ca: |
    ${pem("ca")}
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [a, "b"]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]
  curve_preferences: [X25519]
  prefer_server_cipher_suites: true
`;
}

const FILES = `tls_server_config:
  cert_file: server.pem
  key_file: /nowhere/server.key.pem
  client_ca_file: ""
`;
/** What is in them, by name, whatever their folders are. */
const NAMED: ReadonlyMap<string, Buffer> = new Map(
  ["server.pem", "server.key.pem", "ca.pem"].map((name) => [name, fixture(`tls/${name}`)]),
);

export const WEB_CONFIG: FuzzTarget = {
  name: "web-config",
  about: "the file of --web-config-file, and the credentials of clients",
  syntax: YAML_SYNTAX,
  // As for other files of YAML.
  maxBytes: 4096,
  seeds: () => {
    const headers = ["Basic YWxpY2U6c2VjcmV0", "basic  Og==", "Bearer x", "Basic", "Basic ////"];
    const texts = [USERS, REST, tls(), FILES, USERS + REST, tls() + USERS, "", "{}"];
    return texts.map((text, i) => joinParts([Buffer.from(text), Buffer.from(headers[i % headers.length] ?? "")]));
  },
  open,
};

function open(): Session {
  const real = new RealFile("web.yaml");

  /** As a file system that has this file and those that are named. */
  const memory = (yaml: Buffer): ReadFile => {
    return async (file, maxBytes) => {
      const content = file === real.file ? yaml : NAMED.get(path.basename(file));
      if (content === undefined) throw new Error(`ENOENT: no such file or directory, open '${file}'`);
      return content.length > maxBytes ? null : content;
    };
  };

  const run = async (input: Uint8Array): Promise<void> => {
    const [yaml = Buffer.alloc(0), header] = partsOf(input);
    const shown = basicCredentials(header?.toString("latin1"));
    if (shown !== null) {
      const sent = Buffer.from(header?.toString("latin1").trim().split(/ +/)[1] ?? "", "base64");
      assert.equal(`${shown.user}:${shown.password}`, sent.toString("utf8"), "it is what was sent");
      assert.ok(!shown.user.includes(":"), "a password may hold a colon, a user's name may not");
    }
    try {
      const read = real.takes(input, yaml) ? undefined : memory(yaml);
      const { config, tls: material } = await loadWebConfig(real.file, PLACE, read);
      assert.equal(material === null, config.tls === null);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      assert.ok(error.message.length < LONGEST_MESSAGE, `a message of ${error.message.length} characters`);
      const shows = error.message.includes(HASH_TAIL) && !isNamedAsFile(yaml);
      assert.ok(!shows, "no message holds a password's hash");
    }
  };
  return { run, close: () => real.close() };
}

/** A mutation wrote the hash where a file is named: that name is said when there is no such file, and nobody can know better. */
function isNamedAsFile(yaml: Buffer): boolean {
  const names = yaml.toString("latin1").matchAll(/_file["']?\s*:\s*([^\n]*)/g);
  return [...names].some(([, name = ""]) => path.normalize(name).includes(HASH_TAIL));
}
