/**
 * The options of `kvcast doctor` beside those of `serve`, all of which it takes: it examines what `serve` would be told. Flags only.
 * MAIN THREAD, at start only.
 */
import type { ReplayFraming } from "../../shared/zmq-wire.ts";
import {
  type Defaulted,
  type OptionSpec,
  type Place,
  quoted,
  refused,
  type Repeatable,
  type ValueType,
} from "./option-spec.ts";
import { SERVE_OPTION_LIST } from "./options.ts";
import { sourceEndpoint } from "./source-endpoint.ts";
import { seconds } from "./value-types.ts";

const EXAMINATION = "Examination";

/** A publisher to listen to. */
export interface PublisherAddress {
  readonly endpoint: string;
  /** Null: its replays are not examined. */
  readonly replayEndpoint: string | null;
  /** Null: either will do. */
  readonly replayFraming: ReplayFraming | null;
  /** Public key of one that demands CURVE, in Z85. */
  readonly serverKey?: string;
}

const publisherAddress: ValueType<PublisherAddress> = {
  placeholder: "EP",
  takes: "tcp://host:port or ipc://path, with ?replay=EP&framing=v1|v2&curve=KEY behind it",
  parse(text: string, place: Place): PublisherAddress {
    if (/^[^:/?]*=/.test(text.trim())) throw refused(place, `${quoted(text)} names a kind; it takes ${this.takes}`);
    const { replayFraming, kind: _, ...address } = sourceEndpoint.parse(text, place);
    return { ...address, replayFraming: text.includes("framing=") ? replayFraming : null };
  },
};

export const DOCTOR_OPTIONS: {
  readonly publisher: Repeatable<PublisherAddress>;
  readonly seconds: Defaulted<number>;
} = {
  publisher: {
    name: "publisher",
    type: publisherAddress,
    env: [],
    repeatable: true,
    group: EXAMINATION,
    help: "Any publisher of KV events over ZMQ, to be listened to; its replay socket too, if it is given. May be given more than once.",
  },
  seconds: {
    name: "seconds",
    type: seconds(0.5, 3600),
    env: [],
    default: "3",
    group: EXAMINATION,
    help: "How long a publisher is listened to, and with --drain an engine read.",
  },
};

const OWN: readonly OptionSpec<unknown>[] = Object.values(DOCTOR_OPTIONS);

/** All of them, those of `serve` last. */
export const DOCTOR_OPTION_LIST: readonly OptionSpec<unknown>[] = [...OWN, ...SERVE_OPTION_LIST];
