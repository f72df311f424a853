/** The size of the cache that the stand-in engine pretends to have: blocks on the GPU and in host memory. MAIN THREAD. */
export const PRIMARY_BLOCKS = 262_144;
export const HOST_BLOCKS = 4096;
