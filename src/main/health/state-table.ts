/**
 * The states of whatever is probed, as one table: an engine's `/health`, the canary, each condition that is looked at. MAIN
 * THREAD, pure.
 *
 *              ┌──────── passed, proof ───────────────────────────────┐
 *   starting ──┤                     fail            failed           │
 *              │        well ◄─────────────► doubted ──────► ill ◄──────────► mending
 *              │                 pass, …                      ▲ fail      pass    │
 *              └──────── failed ──────────────────────────────┘                   │
 *                       well ◄────────────────────── passed, proof ───────────────┘
 *
 * Before anything is known nothing is claimed. One result seldom decides: `failed` and `passed` are the ones that make enough in a
 * row. Proof is what settles the matter at once: requests of people are answered. There is no partial transition: every state
 * says what becomes of it at every event.
 */

export const PROBE_STATES = ["starting", "well", "doubted", "ill", "mending"] as const;
export type ProbeState = (typeof PROBE_STATES)[number];

export const PROBE_EVENTS = [
  /** A good result; more of them are needed to be well again. */
  "pass",
  /** The good result that makes enough in a row. */
  "passed",
  /** A bad result; more of them are needed to be ill. */
  "fail",
  /** The bad result that makes enough in a row. */
  "failed",
  /** Better than any probe: what is probed does its work. */
  "proof",
  /** There is nothing to be probed. */
  "void",
] as const;
export type ProbeEvent = (typeof PROBE_EVENTS)[number];

type Row = { readonly [E in ProbeEvent]: ProbeState };

export const TRANSITIONS: { readonly [S in ProbeState]: Row } = {
  starting: { pass: "starting", passed: "well", fail: "starting", failed: "ill", proof: "well", void: "starting" },
  well: { pass: "well", passed: "well", fail: "doubted", failed: "ill", proof: "well", void: "starting" },
  doubted: { pass: "well", passed: "well", fail: "doubted", failed: "ill", proof: "well", void: "starting" },
  ill: { pass: "mending", passed: "well", fail: "ill", failed: "ill", proof: "well", void: "starting" },
  mending: { pass: "mending", passed: "well", fail: "ill", failed: "ill", proof: "well", void: "starting" },
};

/** What a state says to the outside: all is well, it is not, or nobody knows yet. */
export const VERDICTS: { readonly [S in ProbeState]: boolean | null } = {
  starting: null,
  well: true,
  doubted: true,
  ill: false,
  mending: false,
};
