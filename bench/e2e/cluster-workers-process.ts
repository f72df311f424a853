/**
 * Workers of the cluster bench, all in this one process. Argument: a WorkersOrder as JSON. Says over the channel when they are
 * made, and ends with it.
 */
import { Push, Subscriber } from "zeromq";
import { ClusterWorker } from "../../src/main/cluster/worker.ts";
import { ECHO, type WorkersOrder } from "./cluster-order.ts";

/** What any worker must do, and nothing else: hear a command, send its id back. */
async function answer(sub: Subscriber, push: Push): Promise<void> {
  for await (const [id] of sub) if (id !== undefined) await push.send(id);
}

const { pub, ack, workers, isBare } = JSON.parse(process.argv[2] ?? "") as WorkersOrder;
for (let i = 0; i < workers; i++) {
  if (isBare) {
    const sub = new Subscriber();
    const push = new Push();
    push.connect(ack);
    sub.connect(pub);
    sub.subscribe();
    void answer(sub, push);
  } else {
    await ClusterWorker.connect({
      endpoints: { pub, ack },
      name: `worker-${i}`,
      metadata: () => ({ numDeviceBlocks: 1, bytesPerBlock: 1 }),
      handlers: { [ECHO]: async () => null },
    });
  }
}
process.on("disconnect", () => process.exit(0));
process.send?.("made");
