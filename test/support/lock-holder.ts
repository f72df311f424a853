/** A process that takes the lock of the directory in its argument, says so with its number, and lives until it is ended. */
import { StateLock } from "../../src/workers/state-lock.ts";

StateLock.take(process.argv[2] ?? "");
process.stdout.write(`${process.pid}\n`);
setInterval(() => {}, 1000);
