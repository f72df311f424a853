/** A real browser for tests of the live page: Debian's Chromium, without a window. */
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { after, type TestContext } from "node:test";
import { requireTool } from "./tools.ts";

/** Nothing is fetched from anywhere, and no sandbox, which root has not. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** On a busy machine a browser takes its time. */
export const PATIENCE_MS = 30_000;

let shared: Promise<Browser> | null = null;

/**
 * The browser of this test file, which takes a second or two to start and ends with the file. If null comes back there is none, the
 * test has been skipped and must return.
 */
export async function startBrowser(t: TestContext): Promise<Browser | null> {
  const executablePath = requireTool(t, "chromium");
  if (executablePath === null) return null;
  shared ??= chromium.launch({ executablePath, args: FLAGS, timeout: PATIENCE_MS });
  return shared;
}

after(async () => {
  await (await shared)?.close();
});

export interface Opened {
  readonly page: Page;
  /** What the browser complained of: errors of scripts, of the console, and of the policy. */
  readonly complaints: readonly string[];
}

/** The live page in a browser profile of its own, once it has drawn some snapshots. Closed with the test. */
export async function openLivePage(
  t: TestContext,
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 720 },
    reducedMotion: "reduce",
    ...options,
  });
  t.after(() => context.close());
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  await page.goto(url);
  await drawn(page, 3);
  return { page, complaints };
}

/** Waits until so many more snapshots have been drawn. */
export async function drawn(page: Page, count: number): Promise<void> {
  const before = await page.evaluate<number>("Number(document.body.dataset.ticks ?? 0)");
  await until(page, `Number(document.body.dataset.ticks ?? 0) >= ${before + count}`);
}

/**
 * Waits until an expression is true in the page. Asked from outside, again and again: the page's own policy lets no text be run, and
 * so not what the library would wait with.
 */
export async function until(page: Page, expression: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  const ask = `new Promise((resolve) => setTimeout(() => resolve(${expression}), 20))`;
  while (!(await page.evaluate<boolean>(ask))) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${expression}`);
  }
}

/** The text of the first element that a selector finds. */
export async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).first().textContent()) ?? "";
}

/** A number as the page writes it, with commas. */
export async function numberOf(page: Page, selector: string): Promise<number> {
  return Number((await textOf(page, selector)).replaceAll(",", ""));
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary: string }[];
}

/** What shuts people out, as axe finds it; of the list of events the first rows stand for all. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate<readonly Violation[]>(
    `axe.run({ exclude: ["#tail tr:nth-child(n+4)"] }).then(({ violations }) => violations)`,
  );
  return found.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(" ")} ${failureSummary}`).join("; ")}`,
  );
}
