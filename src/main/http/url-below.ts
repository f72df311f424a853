/** Addresses of what a server has. MAIN THREAD; pure. */

/** An address below a base URL that may have a path of its own; `path` begins with a slash or does not, and has no query. */
export function urlBelow(base: URL, path: string): URL {
  const url = new URL(base.origin);
  url.pathname = `${base.pathname.replace(/\/+$/, "")}/${path.replace(/^\//, "")}`;
  return url;
}
