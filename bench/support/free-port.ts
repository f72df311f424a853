/** A port that was free a moment ago, for a service whose address must be known before it is there, or that comes back to it. */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Below the ports that kernels give out by themselves: nobody gets one by chance while a killed service is away. */
const FIRST_PORT = 20_500;
const LAST_PORT = 32_500;
const TRIES = 100;

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}

export async function freePort(): Promise<number> {
  for (let tried = 0; tried < TRIES; tried++) {
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (await isFree(port)) return port;
  }
  throw new Error(`none of ${TRIES} ports from ${FIRST_PORT} to ${LAST_PORT} is free`);
}
