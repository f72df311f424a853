/**
 * What Go calls the parts of TLS, and what OpenSSL does. MAIN THREAD; pure.
 *
 * The lists are those of Go's own secure defaults; what Go calls insecure a web configuration cannot name.
 */

/** Suites of TLS 1.2. */
export const CIPHERS: ReadonlyMap<string, string> = new Map([
  ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"],
  ["TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"],
  ["TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"],
  ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"],
  ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"],
  ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"],
  ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"],
]);

/** Suites of TLS 1.3. All of them are always served, as in Go, where they cannot be chosen. */
export const CIPHERS_13: readonly string[] = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
];

export const CURVES: ReadonlyMap<string, string> = new Map([
  ["CurveP256", "P-256"],
  ["CurveP384", "P-384"],
  ["CurveP521", "P-521"],
  ["X25519", "X25519"],
]);

export type SpokenVersion = "TLSv1.2" | "TLSv1.3";

/** Null: a version that is not spoken. */
export const VERSIONS: ReadonlyMap<string, SpokenVersion | null> = new Map([
  ["TLS13", "TLSv1.3"],
  ["TLS12", "TLSv1.2"],
  ["TLS11", null],
  ["TLS10", null],
]);

/** Whether a client's certificate is asked for, must be there, and must be signed by a known authority. */
export interface ClientAuth {
  readonly asks: boolean;
  readonly needs: boolean;
  readonly verifies: boolean;
}

const ANY: ClientAuth = { asks: true, needs: true, verifies: false };

export const CLIENT_AUTHS: ReadonlyMap<string, ClientAuth> = new Map([
  ["NoClientCert", { asks: false, needs: false, verifies: false }],
  ["RequestClientCert", { asks: true, needs: false, verifies: false }],
  ["RequireAnyClientCert", ANY],
  // The name that older files have.
  ["RequireClientCert", ANY],
  ["VerifyClientCertIfGiven", { asks: true, needs: false, verifies: true }],
  ["RequireAndVerifyClientCert", { asks: true, needs: true, verifies: true }],
]);
