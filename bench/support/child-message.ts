/** The next message of a forked child; a child that ends instead is an error and not a wait without end. */
import type { ChildProcess } from "node:child_process";

/** `what` names the child in the error. The caller knows the type of what it asked for. */
export function nextMessage(child: ChildProcess, what: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => {
      child.off("exit", onExit);
      resolve(message);
    };
    const onExit = (code: number | null, signal: string | null): void => {
      child.off("message", onMessage);
      reject(new Error(`${what} ended with ${code ?? signal ?? "nothing"} before it answered`));
    };
    child.once("message", onMessage);
    child.once("exit", onExit);
  });
}
