/** The options of `kvcast tail`, the subscriber. Flags only. MAIN THREAD, at start only. */
import type { ReplayFraming } from "../../shared/zmq-wire.ts";
import { CURVE_FLAGS } from "./curve-options.ts";
import type { Defaulted, OptionSpec, Repeatable } from "./option-spec.ts";
import { peerEndpoint } from "./peer-endpoint.ts";
import { bytes, integer, MIB, oneOf, seconds, shortText } from "./value-types.ts";
import { MAX_TOPIC_BYTES, ZMQ_OPTIONS } from "./zmq-options.ts";

const MAX_RANK = 0x7fff_ffff;

export const TAIL_EVENT_TYPES = ["stored", "removed", "cleared"] as const;
export type TailEventType = (typeof TAIL_EVENT_TYPES)[number];

/** Where `serve` publishes unless it is told otherwise. */
export const TAIL_ENDPOINT: string = ZMQ_OPTIONS.zmqEndpoint.default;

export const TAIL_OPTIONS: {
  readonly topic: Defaulted<string>;
  readonly maxMessageBytes: Defaulted<number>;
  readonly timeout: OptionSpec<number>;
  readonly replay: OptionSpec<string>;
  readonly replayFraming: Defaulted<ReplayFraming>;
  readonly type: Repeatable<TailEventType>;
  readonly rank: Repeatable<number>;
  readonly count: OptionSpec<number>;
} & typeof CURVE_FLAGS = {
  topic: {
    name: "topic",
    type: shortText("T", MAX_TOPIC_BYTES),
    env: [],
    default: "",
    group: "Connection",
    help: "Only messages whose topic begins with this.",
  },
  maxMessageBytes: {
    name: "max-message-bytes",
    type: bytes(1024, 1024 * MIB),
    env: [],
    default: "64MiB",
    group: "Connection",
    help: "Longest message that is taken; a longer one ends the connection.",
  },
  timeout: {
    name: "timeout",
    type: seconds(0.1, 86_400),
    env: [],
    defaultNote: "none, it waits",
    group: "Connection",
    help: "End with exit code 69 when there is no connection within this time.",
  },
  ...CURVE_FLAGS,
  replay: {
    name: "replay",
    type: peerEndpoint,
    env: [],
    group: "Replay",
    help: "Address of the publisher's replay socket (--replay-endpoint of serve): what was missed is fetched from there.",
  },
  // As `serve` has it, but for the variable.
  replayFraming: { ...ZMQ_OPTIONS.replayFraming, env: [] },
  type: {
    name: "type",
    type: oneOf(TAIL_EVENT_TYPES),
    env: [],
    defaultNote: "all",
    group: "Output",
    repeatable: true,
    help: "Only events of this type.",
  },
  rank: {
    name: "rank",
    type: integer({ min: 0, max: MAX_RANK }),
    env: [],
    defaultNote: "all",
    group: "Output",
    repeatable: true,
    help: "Only events of this attention-DP rank.",
  },
  count: {
    name: "count",
    type: integer({ min: 1, max: Number.MAX_SAFE_INTEGER, unit: "events" }),
    env: [],
    defaultNote: "no end",
    group: "Output",
    help: "End with exit code 0 after so many events that were not filtered out.",
  },
};

/** All of them, in the order of the documentation. */
export const TAIL_OPTION_LIST: readonly OptionSpec<unknown>[] = Object.values(TAIL_OPTIONS);
