/**
 * The part behind `?` of an address that is subscribed to: where a replay is to be had, and what else the option takes. MAIN THREAD,
 * at start only.
 */
import { REPLAY_FRAMINGS, type ReplayFraming } from "../../shared/zmq-wire.ts";
import { type Place, quoted, refused } from "./option-spec.ts";
import { peerEndpoint } from "./peer-endpoint.ts";
import { didYouMean } from "./suggest.ts";

export interface ReplayParameters {
  /** Null: what is missed is lost. */
  readonly replayEndpoint: string | null;
  readonly replayFraming: ReplayFraming;
}

const OWN = ["replay", "framing"] as const;

/** Throws ConfigError. `others` are further parameters, by name; each is called with its value. */
export function replayParameters(
  query: string,
  place: Place,
  others: Readonly<Record<string, (value: string, place: Place) => void>> = {},
): ReplayParameters {
  const names = [...OWN, ...Object.keys(others)];
  let replayEndpoint: string | null = null;
  let replayFraming: ReplayFraming = "v2";
  for (const [key, value] of new URLSearchParams(query)) {
    if (key === "replay") {
      replayEndpoint = peerEndpoint.parse(value, { ...place, label: `${place.label}: replay` });
    } else if (key === "framing") {
      const framing = REPLAY_FRAMINGS.find((known) => known === value);
      if (framing === undefined) throw refused(place, `there is no framing ${quoted(value)}; it takes v1 or v2`);
      replayFraming = framing;
    } else if (Object.hasOwn(others, key)) {
      others[key]?.(value, { ...place, label: `${place.label}: ${key}` });
    } else {
      throw refused(place, `no parameter ${quoted(key)}${didYouMean(key, names)}; there are ${names.join(", ")}`);
    }
  }
  return { replayEndpoint, replayFraming };
}
