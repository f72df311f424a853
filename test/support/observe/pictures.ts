/** Pictures of boards, taken in a headless Chromium. The one user of playwright-core. */
import type { TestContext } from "node:test";
import { chromium } from "playwright-core";
import { PAGE_WIDTH } from "../../../observe/pictures/board-page.ts";

/** What a container allows, and nothing that calls home. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const BORDER = 20;

export interface Picture {
  readonly png: Buffer;
  /** Text on the page. */
  readonly text: string;
}

/** One browser for all pages; closed with the test. */
export async function photographer(t: TestContext, program: string): Promise<(html: string) => Promise<Picture>> {
  const browser = await chromium.launch({ executablePath: program, args: FLAGS });
  t.after(() => browser.close());
  return async (html) => {
    const page = await browser.newPage({ viewport: { width: PAGE_WIDTH + BORDER, height: 600 }, offline: true });
    try {
      await page.setContent(html);
      return { png: await page.screenshot({ fullPage: true }), text: await page.locator("body").innerText() };
    } finally {
      await page.close();
    }
  };
}
