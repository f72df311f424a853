/** The options of `kvcast replay`. Flags only. MAIN THREAD, at start only. */
import type { ReplayFraming } from "../../shared/zmq-wire.ts";
import { CURVE_FLAGS } from "./curve-options.ts";
import type { Defaulted, OptionSpec, Repeatable } from "./option-spec.ts";
import { TAIL_OPTIONS, type TailEventType } from "./tail-options.ts";
import { integer, seconds } from "./value-types.ts";

const SEQUENCE = integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

export const REPLAY_OPTIONS: {
  readonly from: OptionSpec<number>;
  readonly to: OptionSpec<number>;
  readonly timeout: Defaulted<number>;
  readonly maxMessageBytes: Defaulted<number>;
  readonly replayFraming: Defaulted<ReplayFraming>;
  readonly type: Repeatable<TailEventType>;
  readonly rank: Repeatable<number>;
  readonly count: OptionSpec<number>;
} & typeof CURVE_FLAGS = {
  from: {
    name: "from",
    type: SEQUENCE,
    env: [],
    defaultNote: "the oldest that is kept",
    group: "Range",
    help: "Sequence number of the first message. What is kept no more is named as lost.",
  },
  to: {
    name: "to",
    type: SEQUENCE,
    env: [],
    defaultNote: "the newest",
    group: "Range",
    help: "Sequence number of the last message.",
  },
  timeout: {
    name: "timeout",
    type: seconds(0.1, 86_400),
    env: [],
    default: "5",
    group: "Connection",
    help: "End with exit code 69 when a publisher sends nothing for so long.",
  },
  maxMessageBytes: TAIL_OPTIONS.maxMessageBytes,
  ...CURVE_FLAGS,
  replayFraming: TAIL_OPTIONS.replayFraming,
  type: TAIL_OPTIONS.type,
  rank: TAIL_OPTIONS.rank,
  count: TAIL_OPTIONS.count,
};

/** All of them, in the order of the documentation. */
export const REPLAY_OPTION_LIST: readonly OptionSpec<unknown>[] = Object.values(REPLAY_OPTIONS);
