/** An index thread that cannot be started at all. */
throw new Error("thrown by a test");
