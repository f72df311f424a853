/** User and password out of an `Authorization` header. MAIN THREAD; pure. */

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Null for another scheme, for what is not base64, and for bytes that are not UTF-8. */
export function basicCredentials(header: string | undefined): Credentials | null {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header ?? "") ?? [];
  if (encoded === undefined) return null;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, "base64"));
  } catch {
    return null;
  }
  const colon = text.indexOf(":");
  return colon < 0 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
