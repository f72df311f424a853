/**
 * What is checked of the service, as a list for people: each with what was found and what to do. MAIN THREAD; pure.
 */
import type { LiveCheck } from "../../shared/live-snapshot.ts";
import type { HealthState } from "../http/health.ts";

export function liveChecks(
  state: HealthState,
  threads: readonly { readonly name: string; readonly up: boolean }[],
): LiveCheck[] {
  const { engines, sinks, index } = state;
  return [
    ...engines.map(({ name, up }) =>
      check(`engine ${name}`, up, {
        well: "answers",
        ill: "does not answer",
        fix: "See that it runs and that --engine names its address; kvcast goes on trying. The log has the reason.",
      }),
    ),
    ...engines.map(({ name, dirtyRanks }) => {
      const missing = dirtyRanks.reduce((sum, rank) => sum + rank.missing, 0);
      return check(`view of ${name}`, dirtyRanks.length === 0, {
        well: "no event is missing since the last clear",
        ill: `${list(
          "rank",
          dirtyRanks.map(({ rank }) => rank),
        )} may be seen wrongly by subscribers: ${missing === 1 ? "an event id is" : `${missing} event ids are`} missing`,
        fix: "A second reader of the engine's events takes them away, or its event buffer is too small. --on-engine-gap clear has subscribers start over.",
      });
    }),
    ...threads.map(({ name, up }) =>
      check(`thread ${name}`, up, {
        well: "runs",
        ill: "is not running",
        fix: "It is started again by itself; the log says what ended it.",
      }),
    ),
    ...sinks.map(({ name, up, endpoint }) =>
      check(`sink ${name}`, up, {
        well: name === "zmq" ? `bound to ${endpoint}` : `connected to ${endpoint}`,
        ill: name === "zmq" ? "its thread is not running" : `there is no connection to ${endpoint}`,
        fix:
          name === "zmq"
            ? "It is bound again by itself."
            : "See that the server runs and takes the credentials; what is published waits.",
      }),
    ),
    ...(index === null
      ? []
      : [
          check("index", index.complete, {
            well: `has all ${index.blocks} blocks`,
            ill: "lacks blocks that engines may hold",
            fix: "It is whole again when the engines' ranks have been cleared, or their old blocks are gone.",
          }),
        ]),
    check("main loop", state.stalledSeconds === null, {
      well: "turns",
      ill: `stood still for ${state.stalledSeconds?.toFixed(1) ?? "some"} s`,
      fix: "The machine has too few cores for what runs on it, or memory is swapped.",
    }),
  ];
}

function check(
  name: string,
  ok: boolean,
  { well, ill, fix }: { readonly well: string; readonly ill: string; readonly fix: string },
): LiveCheck {
  return { name, ok, reason: ok ? well : ill, fix: ok ? null : fix };
}

/** `rank 3`, or `ranks 0, 1, 2 and 5 more`. */
function list(word: string, numbers: readonly number[]): string {
  const shown = numbers.slice(0, 3).join(", ");
  const more = numbers.length > 3 ? ` and ${numbers.length - 3} more` : "";
  return `${word}${numbers.length === 1 ? "" : "s"} ${shown}${more}`;
}
