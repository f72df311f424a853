/**
 * CURVE key pairs. MAIN THREAD; pure. They are those of X25519, which Node brings along, so that making one needs no socket
 * library; and the public key follows from the secret one, so that a file need hold only that.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { CurveKeyPair } from "../../shared/curve.ts";
import { KEY_BYTES, keyFromZ85, keyToZ85 } from "./z85.ts";

/** What stands before the 32 bytes of a secret X25519 key in PKCS #8. */
const PKCS8_HEAD: Buffer = Buffer.from("302e020100300506032b656e04220420", "hex");
/** A key that begins so is no comment in a list, no flag in a shell. */
const PLAIN_BEGINNING = /^[0-9A-Za-z]/;

export function newKeyPair(): CurveKeyPair {
  for (;;) {
    const { privateKey } = generateKeyPairSync("x25519");
    const pair = pairOf(privateKey);
    if (PLAIN_BEGINNING.test(pair.publicKey) && PLAIN_BEGINNING.test(pair.secretKey)) return pair;
  }
}

/** The pair that a secret key in Z85 belongs to; null for what is no key. */
export function keyPairOf(secretKey: string): CurveKeyPair | null {
  const secret = keyFromZ85(secretKey);
  if (secret === null) return null;
  return pairOf(createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, secret]), format: "der", type: "pkcs8" }));
}

function pairOf(privateKey: KeyObject): CurveKeyPair {
  const secret = privateKey.export({ format: "der", type: "pkcs8" }).subarray(-KEY_BYTES);
  const open = createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(-KEY_BYTES);
  return { publicKey: keyToZ85(open), secretKey: keyToZ85(secret) };
}
