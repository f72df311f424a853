/**
 * What the normaliser tells the log. MAIN THREAD.
 *
 * A notice names the rank, the engine's event id and a reason, and nothing that was in a prompt: no tokens, no salts, no
 * hashes, no digests. How often a notice becomes a line is the receiver's business; everything is counted anyway.
 */
import type { InvalidReason } from "../engine/raw-event.ts";

/** Why the multimodal content of a stored event cannot be published. The texts are part of the log format. */
export type MmKeyReason =
  | "invalid digest encoding"
  | "multimodal run/key count mismatch"
  | "invalid multimodal routing UUID"
  | "digest token does not match multimodal key"
  | "multimodal key offset does not match token run"
  | "invalid token ID type"
  | "multimodal continuation-token offset is unavailable"
  | "non-consecutive continuation tokens"
  | "multimodal hash is not hexadecimal";

interface NoticeOrigin {
  readonly rank: number;
  /** The engine's event id; null when the entry had none. */
  readonly eventId: number | null;
}

export type NoticeDetail =
  | { readonly code: "id_gap"; readonly expected: number; readonly got: number; readonly missing: number }
  /** `last` is the highest id that was seen before the engine rank began anew. */
  | { readonly code: "restart"; readonly last: number }
  /** Delivered all the same; `last` is the highest id so far. */
  | { readonly code: "out_of_order"; readonly last: number }
  | { readonly code: "duplicate" }
  | { readonly code: "salt_conflict" }
  | { readonly code: "block_too_large"; readonly tokens: number; readonly blockSize: number }
  | { readonly code: "mm_key"; readonly reason: MmKeyReason }
  /** No window was announced: the largest of the traffic is taken. Once in a normaliser's life. */
  | { readonly code: "window_adopted"; readonly windowSize: number }
  /** Published all the same. Once a rank. */
  | { readonly code: "unknown_rank" }
  /** Not published: that number is a rank of another engine. Once a rank. */
  | { readonly code: "rank_left_out" }
  /** Every refusal that has no code of its own. */
  | { readonly code: "invalid"; readonly reason: InvalidReason };

export type Notice = NoticeOrigin & NoticeDetail;
