/** Where counting begins. MAIN THREAD; pure. */

/** A count for each name of a closed list, all 0. */
export function zeros<K extends string>(keys: readonly K[]): Record<K, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
}
