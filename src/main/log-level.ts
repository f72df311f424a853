/** What can be said of a log: from which level on, and in which form. No imports, so that everything may use it. MAIN THREAD. */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";
export type LogFormat = "text" | "json";
