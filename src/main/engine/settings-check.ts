/**
 * Compares what an engine says of its settings with ours. MAIN THREAD.
 *
 * A wrong block size is the quietest of all mistakes: everything runs, and no router ever finds a prefix. So it is said aloud, once
 * for each wrong value, and stays visible as a metric.
 */
import type { LineLogger } from "../log.ts";

export const CHECKED_SETTINGS = ["tokens_per_block", "hash_algorithm"] as const;
export type CheckedSetting = (typeof CHECKED_SETTINGS)[number];

/** Ways of making block hashes that kvcast reads; subscribers take the hashes as they are. */
export const KNOWN_HASH_ALGORITHMS: readonly string[] = ["v1_block_key", "v2_sha256", "v2_sha256_64"];

export class SettingsCheck {
  readonly #kvBlockSizeTokens: number;
  readonly #log: LineLogger;
  readonly #isWrong: Map<CheckedSetting, boolean> = new Map();
  readonly #told: Set<string> = new Set();
  #tokensPerBlock: number | null = null;

  constructor(kvBlockSizeTokens: number, log: LineLogger) {
    this.#kvBlockSizeTokens = kvBlockSizeTokens;
    this.#log = log;
  }

  /** What the engine said last; null while it has not. */
  get tokensPerBlock(): number | null {
    return this.#tokensPerBlock;
  }

  /** Whether the engine's setting contradicts ours; null while it has not told it. */
  isWrong(setting: CheckedSetting): boolean | null {
    return this.#isWrong.get(setting) ?? null;
  }

  noteTokensPerBlock(tokens: number): void {
    const wrong = tokens !== this.#kvBlockSizeTokens;
    this.#tokensPerBlock = tokens;
    this.#isWrong.set("tokens_per_block", wrong);
    if (!wrong || this.#wasTold(`tokens ${tokens}`)) return;
    this.#log.warn("the engine's cache blocks have another size than --kv-block-size: their events are of no use", {
      tokens_per_block: tokens,
      kv_block_size: this.#kvBlockSizeTokens,
      hint: `--kv-block-size ${tokens}`,
    });
  }

  noteHashAlgorithm(name: string): void {
    const wrong = !KNOWN_HASH_ALGORITHMS.includes(name);
    this.#isWrong.set("hash_algorithm", wrong);
    if (!wrong || this.#wasTold(`hash ${name}`)) return;
    this.#log.warn(
      "the engine makes block hashes in a way that is not known: compare them with those of other engines",
      {
        hash_algorithm: name,
        known: KNOWN_HASH_ALGORITHMS.join(", "),
      },
    );
  }

  /** A few values at most: an engine that says another thing each minute shall not fill the log. */
  #wasTold(what: string): boolean {
    if (this.#told.has(what) || this.#told.size >= 8) return true;
    this.#told.add(what);
    return false;
  }
}
