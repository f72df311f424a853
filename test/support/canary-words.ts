/**
 * Words that must not get out: a token id, a cache salt and secrets that occur nowhere else, and a search for them in everything
 * that a program says, in each form in which they could be there.
 */

/** Wide enough that nobody meets it by chance, and with four different bytes. */
export const CANARY_TOKEN = 1_999_737_373;
export const CANARY_SALT = "zanary-salt-of-a-tenant";
export const CANARY_PASSWORD = "zanary-password";
export const CANARY_BEARER = "zanary-bearer";

const TOKEN_BYTES = Buffer.alloc(4);
TOKEN_BYTES.writeUInt32BE(CANARY_TOKEN);

function textForms(word: string): readonly (readonly [string, Buffer])[] {
  return [
    [word, Buffer.from(word)],
    [`${word} in hex`, Buffer.from(Buffer.from(word).toString("hex"))],
    // Wherever in a longer text it begins, its inner characters look the same in one of three places.
    ...[0, 1, 2].map((shift) => {
      const base64 = Buffer.from("x".repeat(shift) + word).toString("base64");
      return [`${word} in base64`, Buffer.from(base64.slice(4, -4))] as const;
    }),
    [`${word} in UTF-16`, Buffer.from(word, "utf16le")],
  ];
}

const FORMS: Readonly<Record<"token" | "salt" | "secret", readonly (readonly [string, Buffer])[]>> = {
  token: [
    ["the token in decimal", Buffer.from(String(CANARY_TOKEN))],
    ["the token in decimal with commas", Buffer.from("1,999,737,373")],
    ["the token in hex", Buffer.from(TOKEN_BYTES.toString("hex"))],
    ["the token in big-endian bytes, as msgpack has it", TOKEN_BYTES],
    ["the token in little-endian bytes", Buffer.from(TOKEN_BYTES.toReversed())],
    ["the token in base64", Buffer.from(TOKEN_BYTES.toString("base64").slice(0, 5))],
  ],
  salt: textForms(CANARY_SALT),
  secret: [...textForms(CANARY_PASSWORD), ...textForms(CANARY_BEARER)],
};

/** Which of them are in there, in words. */
export function canariesIn(output: string | Uint8Array): readonly string[] {
  const bytes = typeof output === "string" ? Buffer.from(output) : Buffer.from(output);
  return Object.values(FORMS).flatMap((forms) =>
    forms.filter(([, form]) => bytes.includes(form)).map(([says]) => says),
  );
}

export function hasToken(output: string | Uint8Array): boolean {
  return FORMS.token.some(([, form]) => Buffer.from(output as Uint8Array).includes(form));
}

export function hasSalt(output: string | Uint8Array): boolean {
  return FORMS.salt.some(([, form]) => Buffer.from(output as Uint8Array).includes(form));
}

export function hasSecret(output: string | Uint8Array): boolean {
  return FORMS.secret.some(([, form]) => Buffer.from(output as Uint8Array).includes(form));
}
