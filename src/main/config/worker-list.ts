/**
 * `--workers ID[:RANK]=EP[?replay=EP&framing=v1&sync=on],…`: publishers to be read, and whose they are. MAIN THREAD, at start only.
 */
import { REPLAY_FRAMINGS, type ReplayFraming } from "../../shared/zmq-wire.ts";
import type { ZmqSource } from "../router-feed/zmq-input.ts";
import { type Place, quoted, refused, type ValueType } from "./option-spec.ts";
import { curvePublicKey } from "./curve-options.ts";
import { peerEndpoint } from "./peer-endpoint.ts";
import { u64 } from "./plane-types.ts";
import { didYouMean } from "./suggest.ts";
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
const PARAMETERS = ["replay", "framing", "sync", "curve"] as const;

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
  let replayEndpoint: string | null = null;
  let replayFraming: ReplayFraming = "v2";
  let sync = false;
  let serverKey: string | null = null;
  for (const [key, value] of new URLSearchParams(query)) {
    if (key === "replay") {
      replayEndpoint = peerEndpoint.parse(value, { ...place, label: `${place.label}: replay` });
    } else if (key === "framing") {
      const framing = REPLAY_FRAMINGS.find((known) => known === value);
      if (framing === undefined) throw refused(place, `there is no framing ${quoted(value)}; it takes v1 or v2`);
      replayFraming = framing;
    } else if (key === "sync") {
      sync = onOff.parse(value, { ...place, label: `${place.label}: sync` });
    } else if (key === "curve") {
      serverKey = curvePublicKey.parse(value, { ...place, label: `${place.label}: curve` });
    } else {
      const words = PARAMETERS.join(", ");
      throw refused(place, `no parameter ${quoted(key)}${didYouMean(key, PARAMETERS)}; there are ${words}`);
    }
  }
  if (sync && replayEndpoint === null) {
    throw refused(place, "sync=on needs replay=EP: snapshots come from there");
  }
  return { replayEndpoint, replayFraming, sync, serverKey };
}
