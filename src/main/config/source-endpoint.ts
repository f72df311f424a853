/**
 * `--engine-endpoint [KIND=]EP[?replay=EP&framing=v1]`: a publisher of KV events to subscribe to. MAIN THREAD, at start only.
 */
import type { SourceKind } from "../consolidate/consolidator.ts";
import { type Place, quoted, refused, type ValueType } from "./option-spec.ts";
import { curvePublicKey } from "./curve-options.ts";
import { peerEndpoint } from "./peer-endpoint.ts";
import { type ReplayParameters, replayParameters } from "./replay-parameters.ts";

export interface SourceEndpoint extends ReplayParameters {
  readonly kind: SourceKind;
  readonly endpoint: string;
  /** Public key of a publisher that demands CURVE, in Z85. */
  readonly serverKey?: string;
}

/** As Dynamo's consolidator takes them. */
const KINDS: ReadonlyMap<string, SourceKind> = new Map([
  ...(["trtllm", "TRTLLM", "TensorRT-LLM"] as const).map((name) => [name, "trtllm"] as const),
  ...(["vllm", "VLLM", "GPU"] as const).map((name) => [name, "vllm"] as const),
  ...(["kvbm", "KVBM"] as const).map((name) => [name, "kvbm"] as const),
]);

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
  let serverKey: string | null = null;
  const replay = replayParameters(query, place, {
    curve: (value, at) => (serverKey = curvePublicKey.parse(value, at)),
  });
  return { ...replay, ...(serverKey === null ? {} : { serverKey }) };
}
