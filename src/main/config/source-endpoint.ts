/**
 * `--engine-endpoint [KIND=]EP[?replay=EP&framing=v1]`: a publisher of KV events to subscribe to. MAIN THREAD, at start only.
 */
import { REPLAY_FRAMINGS, type ReplayFraming } from "../../shared/zmq-wire.ts";
import type { SourceKind } from "../consolidate/consolidator.ts";
import { type Place, quoted, refused, type ValueType } from "./option-spec.ts";
import { curvePublicKey } from "./curve-options.ts";
import { peerEndpoint } from "./peer-endpoint.ts";
import { didYouMean } from "./suggest.ts";

export interface SourceEndpoint {
  readonly kind: SourceKind;
  readonly endpoint: string;
  /** Null: what is missed is lost. */
  readonly replayEndpoint: string | null;
  readonly replayFraming: ReplayFraming;
  /** Public key of a publisher that demands CURVE, in Z85. */
  readonly serverKey?: string;
}

/** As Dynamo's consolidator takes them. */
const KINDS: ReadonlyMap<string, SourceKind> = new Map([
  ...(["trtllm", "TRTLLM", "TensorRT-LLM"] as const).map((name) => [name, "trtllm"] as const),
  ...(["vllm", "VLLM", "GPU"] as const).map((name) => [name, "vllm"] as const),
  ...(["kvbm", "KVBM"] as const).map((name) => [name, "kvbm"] as const),
]);
const PARAMETERS = ["replay", "framing", "curve"] as const;

export const sourceEndpoint: ValueType<SourceEndpoint> = {
  placeholder: "[KIND=]EP",
  takes: `${peerEndpoint.takes}, with trtllm=, vllm= or kvbm= before it, and ?replay=EP&framing=v1|v2&curve=KEY behind it`,
  parse(text: string, place: Place): SourceEndpoint {
    const [, word, rest = ""] = /^(?:([^=:/?]*)=)?(.*)$/s.exec(text.trim()) ?? [];
    const kind = word === undefined ? "trtllm" : KINDS.get(word);
    if (kind === undefined) {
      throw refused(place, `there is no kind ${quoted(word ?? "")}; it takes trtllm, vllm or kvbm`);
    }
    const [address = "", query] = rest.split(/\?(.*)/s);
    return { kind, endpoint: peerEndpoint.parse(address, place), ...parametersOf(query ?? "", place) };
  },
};

function parametersOf(query: string, place: Place): Omit<SourceEndpoint, "kind" | "endpoint"> {
  let replayEndpoint: string | null = null;
  let replayFraming: ReplayFraming = "v2";
  let serverKey: string | null = null;
  for (const [key, value] of new URLSearchParams(query)) {
    if (key === "replay") {
      replayEndpoint = peerEndpoint.parse(value, { ...place, label: `${place.label}: replay` });
    } else if (key === "framing") {
      const framing = REPLAY_FRAMINGS.find((known) => known === value);
      if (framing === undefined) throw refused(place, `there is no framing ${quoted(value)}; it takes v1 or v2`);
      replayFraming = framing;
    } else if (key === "curve") {
      serverKey = curvePublicKey.parse(value, { ...place, label: `${place.label}: curve` });
    } else {
      throw refused(
        place,
        `no parameter ${quoted(key)}${didYouMean(key, PARAMETERS)}; there are ${PARAMETERS.join(", ")}`,
      );
    }
  }
  return { replayEndpoint, replayFraming, ...(serverKey === null ? {} : { serverKey }) };
}
