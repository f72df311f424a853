/** The address of a publisher to connect to: `tcp://host:port` or `ipc://path`. MAIN THREAD, at start only. */
import { notAllowed } from "./option-spec.ts";
import type { Place, ValueType } from "./option-spec.ts";
import { schemeHint, zmqEndpoint } from "./zmq-endpoint.ts";

export const peerEndpoint: ValueType<string> = {
  placeholder: "EP",
  takes: "tcp://host:port or ipc://path",
  parse(text: string, place: Place): string {
    const endpoint = boundEndpoint(text, place);
    // What only a socket that binds can make sense of.
    if (endpoint === null || /^tcp:\/\/\*|:\*$/.test(endpoint)) {
      throw notAllowed(place, text, peerEndpoint.takes, endpoint === null ? schemeHint(text.trim()) : "");
    }
    return endpoint;
  },
};

function boundEndpoint(text: string, place: Place): string | null {
  // A path that is too long has a reason of its own.
  if (text.trim().startsWith("ipc://")) return zmqEndpoint.parse(text, place);
  try {
    return zmqEndpoint.parse(text, place);
  } catch {
    return null;
  }
}
