/** A worker of a cluster in a process of its own. Arguments: both addresses and its name. Says that it is connected by a message. */
import { ClusterWorker } from "../../src/main/cluster/worker.ts";

const [pub = "", ack = "", name = ""] = process.argv.slice(2);

const worker = await ClusterWorker.connect({
  endpoints: { pub, ack },
  name,
  metadata: () => ({ numDeviceBlocks: 10, bytesPerBlock: 10 }),
  handlers: {
    pid: async () => Buffer.from(String(process.pid)),
  },
  onConnection: (connected) => void (connected && process.send?.("connected")),
});
process.on("disconnect", () => {
  worker.close();
  process.exit(0);
});
