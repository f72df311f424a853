/** The version of kvcast; a test holds it to `package.json`, so that no file must be read to print it. */
export const VERSION = "0.1.0";
