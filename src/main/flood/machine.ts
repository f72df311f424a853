/** On what a load test ran: figures without it are none. MAIN THREAD. */
import os from "node:os";

/** One line: processor, cores, memory, system, Node. */
export function machineLine(): string {
  const cpus = os.cpus();
  const gib = Math.round(os.totalmem() / 2 ** 30);
  const system = `${os.type()} ${os.release().replace(/-.*/, "")} ${os.arch()}`;
  return `${cpus[0]?.model.trim() ?? "unknown processor"}, ${cpus.length} cores, ${gib} GiB, ${system}, Node ${process.versions.node}`;
}
