/**
 * Who has an ipc path. MAIN THREAD.
 *
 * libzmq takes a path away from whoever listens there, without a word to either. Between two of ours an abstract Unix socket
 * decides, of which the kernel gives a name to one process only and takes it back when that ends, however it ends. Of others it
 * is asked whether someone answers.
 * A path that is left behind by a socket which was closed is nobody's; libzmq never removes it.
 */
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:net";
import path from "node:path";
import { isServed } from "../../shared/private-ipc.ts";

const SCHEME = "ipc://";

/** Gives the path free again. */
export type IpcRelease = () => void;

/** Null: someone has it. Endpoints of other kinds are free; the system guards those itself. */
export async function lockIpc(endpoint: string): Promise<IpcRelease | null> {
  if (!endpoint.startsWith(SCHEME)) return () => {};
  const file = path.resolve(endpoint.slice(SCHEME.length));
  const lock = process.platform === "linux" ? await listen(`\0kvcast-${digest(file)}`) : createServer();
  if (lock === null) return null;
  if (await isServed(file)) {
    lock.close();
    return null;
  }
  return () => void lock.close();
}

/** Abstract names are shorter than paths may be. */
function digest(file: string): string {
  return createHash("sha256").update(file).digest("hex");
}

async function listen(name: string): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve) => {
    server.on("error", () => resolve(null));
    server.listen(name, () => resolve(server.unref()));
  });
}
