/**
 * `--workers ID[:RANK]=EP[?replay=EP&framing=v1&sync=on],…`: publishers to be read, and whose they are. MAIN THREAD, at start only.
 */
import type { ZmqSource } from "../router-feed/zmq-input.ts";
import { type Place, quoted, refused, type ValueType } from "./option-spec.ts";
import { curvePublicKey } from "./curve-options.ts";
import { peerEndpoint } from "./peer-endpoint.ts";
import { u64 } from "./plane-types.ts";
import { replayParameters } from "./replay-parameters.ts";
import { onOff } from "./value-types.ts";

export interface WorkerEndpoint {
  readonly worker: bigint;
  /** Of messages that do not say. */
  readonly rank: number;
  readonly source: ZmqSource;
  /** Public key of a publisher that demands CURVE, in Z85. */
  readonly serverKey?: string;
}

const MAX_RANK = 1023;

export const workerList: ValueType<readonly WorkerEndpoint[]> = {
  placeholder: "ID[:RANK]=EP,…",
  takes: `the id of a worker, perhaps a colon and its rank, = and ${peerEndpoint.takes}, with ?replay=EP&framing=v1|v2&sync=on&curve=KEY behind it; several with commas between them`,
  parse(text: string, place: Place): readonly WorkerEndpoint[] {
    return text
      .split(",")
      .filter((part) => part.trim() !== "")
      .map((part) => workerOf(part.trim(), place));
  },
};

function workerOf(text: string, place: Place): WorkerEndpoint {
  const [, id, rank = "0", rest = ""] = /^(\d+)(?::(\d{1,4}))?=(.*)$/s.exec(text) ?? [];
  if (id === undefined || Number(rank) > MAX_RANK) {
    throw refused(place, `${quoted(text)} is no worker; it takes ${workerList.takes}`);
  }
  const [address = "", query = ""] = rest.split(/\?(.*)/s);
  const { serverKey, ...source } = parametersOf(query, place);
  return {
    worker: u64.parse(id, place),
    rank: Number(rank),
    source: { endpoint: peerEndpoint.parse(address, place), ...source },
    ...(serverKey === null ? {} : { serverKey }),
  };
}

function parametersOf(
  query: string,
  place: Place,
): Omit<ZmqSource, "endpoint"> & { readonly serverKey: string | null } {
  let sync = false;
  let serverKey: string | null = null;
  const replay = replayParameters(query, place, {
    sync: (value, at) => (sync = onOff.parse(value, at)),
    curve: (value, at) => (serverKey = curvePublicKey.parse(value, at)),
  });
  if (sync && replay.replayEndpoint === null) {
    throw refused(place, "sync=on needs replay=EP: snapshots come from there");
  }
  return { ...replay, sync, serverKey };
}
