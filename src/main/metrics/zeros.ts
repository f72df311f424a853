/** Where counting begins. MAIN THREAD; pure. */
import { keyed } from "../../shared/keyed.ts";

/** A count for each name of a closed list, all 0. */
export function zeros<K extends string>(keys: readonly K[]): Record<K, number> {
  return keyed(keys, () => 0);
}
