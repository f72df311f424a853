/**
 * Asks what listens at a ZMQ address which security mechanism it speaks, by the first lines of a ZMTP greeting and no more. MAIN
 * THREAD, or any program that uses the library.
 *
 * libzmq tells of a mechanism that does not fit only if the peer's greeting is there before its hang-up, and a reset may overtake
 * it. Whoever has not named a mechanism of its own is not hung up on. Greeting: ZMTP 3.1, https://rfc.zeromq.org/spec/37.
 */
import { connect } from "node:net";
import { ipcPath } from "../../shared/private-ipc.ts";
import { tcpAddress } from "../../shared/zmq-wire.ts";

/** Signature (ff, eight bytes, 7f) and the major version 3: after these a peer sends its whole greeting. */
const OPENING: Buffer = Buffer.from("ff00000000000000017f03", "hex");
const MAJOR_AT = 10;
const MECHANISM_AT = 12;
const MECHANISM_END = 32;

/** The mechanism's name, as `NULL` or `CURVE`; null: no greeting of ZMTP 3 came within `deadlineMs`. Never rejects. */
export function peerMechanism(endpoint: string, deadlineMs: number): Promise<string | null> {
  const path = ipcPath(endpoint);
  const address = path === null ? tcpAddress(endpoint) : { path };
  if (address === null) return Promise.resolve(null);
  return new Promise((resolve) => {
    const socket = connect(address);
    let greeting: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), deadlineMs);
    socket.on("connect", () => socket.write(OPENING));
    socket.on("data", (bytes) => {
      greeting = Buffer.concat([greeting, bytes]);
      if (greeting.length >= MECHANISM_END) socket.destroy();
    });
    socket.on("end", () => socket.destroy());
    // That it ends says all.
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(mechanismIn(greeting));
    });
  });
}

function mechanismIn(greeting: Buffer): string | null {
  if (greeting.length < MECHANISM_END || greeting[0] !== OPENING[0] || (greeting[MAJOR_AT] ?? 0) < 3) return null;
  const name = greeting.toString("latin1", MECHANISM_AT, MECHANISM_END).replace(/\0+$/u, "");
  return /^[A-Z0-9_+-]+$/u.test(name) ? name : null;
}
