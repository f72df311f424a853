/**
 * `kvcast` as a child that does not outlive its parent: the command line itself, unchanged, and beside it an ear at the
 * channel to the parent. It closes also when the parent was killed and could not say goodbye. MAIN THREAD of the child.
 */
process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
// The parent may have gone while this was loaded.
if (!process.connected) process.exit(1);
await import("../index.ts");
