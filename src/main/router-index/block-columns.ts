/** A stored event, in columns whose halves are signed; the first `count` of each. MAIN THREAD. */
export interface BlockColumns {
  count: number;
  hasParent: boolean;
  parentLo: number;
  parentHi: number;
  /** As the rank calls each block. */
  hashLo: Int32Array;
  hashHi: Int32Array;
  /** Hashes of each block's own tokens. */
  localLo: Int32Array;
  localHi: Int32Array;
}
