/**
 * Objects by the names of a closed list. Any thread; pure.
 *
 * The library's types know of names no more than that they are strings, since an object may have more than its type says. Ours are
 * literals in the code, with no more than these: it is said here, once, for all.
 */

/** The names of a literal. */
export function keysOf<K extends string>(object: Readonly<Record<K, unknown>>): readonly K[] {
  return Object.keys(object) as K[];
}

/** An object with a value for each of the names. */
export function keyed<K extends string, V>(keys: readonly K[], value: (key: K) => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, value(key)])) as Record<K, V>;
}
