/** One HTTP or HTTPS request on a connection of its own, and what becomes of it; a failure is a value. */
import { readFileSync } from "node:fs";
import { type IncomingHttpHeaders, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { KeyPair } from "./tls-files.ts";

export interface AskOptions {
  /** `user:password`. */
  readonly auth?: string;
  /** File of the authority that the server's certificate is checked against. Absent: it is not checked. */
  readonly ca?: string;
  readonly client?: KeyPair;
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** This machine has all of 127.0.0.0/8. */
  readonly localAddress?: string;
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3";
}

export interface Asked {
  /** 0 where there was no answer. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Of a connection that failed. */
  readonly failure: string;
  /** Serial number of the server's certificate. */
  readonly serial: string;
}

export function ask(url: string, options: AskOptions = {}): Promise<Asked> {
  const { auth, ca, client, method = "GET", body, headers = {}, localAddress, maxVersion } = options;
  return new Promise((resolve) => {
    const nothing = { status: 0, headers: {}, text: "", serial: "" };
    const all = {
      agent: false,
      method,
      headers: {
        ...headers,
        ...(body === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
      },
      ...(auth === undefined ? {} : { auth }),
      ...(localAddress === undefined ? {} : { localAddress }),
    };
    const request = url.startsWith("https:")
      ? httpsRequest(url, {
          ...all,
          rejectUnauthorized: ca !== undefined,
          ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
          ...(client === undefined ? {} : { cert: readFileSync(client.cert), key: readFileSync(client.key) }),
          ...(maxVersion === undefined ? {} : { maxVersion }),
        })
      : httpRequest(url, all);
    let serial = "";
    request.on("error", (error: NodeJS.ErrnoException) => resolve({ ...nothing, failure: error.code ?? "ERROR" }));
    request.on("socket", (socket) => {
      if (!("getPeerCertificate" in socket) || typeof socket.getPeerCertificate !== "function") return;
      const { getPeerCertificate } = socket;
      socket.once("secureConnect", () => {
        serial = String(Reflect.apply(getPeerCertificate, socket, []).serialNumber);
      });
    });
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => (text += piece));
      response.on("error", () => {});
      response.on("close", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, failure: "", serial }),
      );
    });
    request.end(body);
  });
}
