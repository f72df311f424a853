// Takes the pictures of the live page in docs/images, one for each state: `npm run build && node scripts/screenshots.js`. Real
// engines stand-ins, a real service, a real browser (Debian's chromium); about two minutes.
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const KVCAST = fileURLToPath(new URL("../dist/src/main/index.js", import.meta.url));
const IMAGES = fileURLToPath(new URL("../docs/images/", import.meta.url));
const BROWSER = { executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-sync"] };
const SIZE = { width: 1280, height: 800 };
/** So long that the charts have something to show. */
const HISTORY_MS = Number(process.env.HISTORY_MS ?? 70_000);

const children = [];

/** Starts a kvcast; resolves with what a line of its log matches. */
function kvcast(line, pattern) {
  const child = spawn(process.execPath, [KVCAST, ...line.split(" ")], { stdio: ["ignore", "ignore", "pipe"] });
  children.push(child);
  const found = new Promise((resolve) => {
    createInterface({ input: child.stderr }).on("line", (text) => {
      const match = pattern.exec(text);
      if (match !== null) resolve(match[0]);
    });
  });
  return { child, found };
}

const URL_PATTERN = /http:\/\/127\.0\.0\.1:\d+/;

function sim(flags) {
  return kvcast(`sim --port 0 ${flags}`, URL_PATTERN).found;
}

async function serve(flags, port = 0) {
  const { child, found } = kvcast(
    `serve --system-port ${port} --zmq-endpoint tcp://127.0.0.1:* --log-format json ${flags}`,
    /.*kvcast is running.*/,
  );
  const { metrics_url, zmq_endpoint } = JSON.parse(await found);
  kvcast(`tail ${zmq_endpoint} --stats`, /never/);
  return { child, url: metrics_url.replace("/metrics", "/") };
}

async function picture(browser, url, name, options = {}) {
  const { scheme = "dark", size = SIZE, before } = options;
  const context = await browser.newContext({ viewport: size, colorScheme: scheme, reducedMotion: "reduce" });
  const page = await context.newPage();
  await page.goto(url);
  await page.locator("#tail tr").first().waitFor();
  await page.locator("#stages .stage").first().waitFor();
  await setTimeout(2500);
  await before?.(page);
  await page.screenshot({ path: `${IMAGES}${name}.png` });
  process.stderr.write(`docs/images/${name}.png\n`);
  await context.close();
}

mkdirSync(IMAGES, { recursive: true });
const browser = await chromium.launch(BROWSER);
try {
  const [prefill, decode, lossy] = await Promise.all([
    sim("--rate 700 --ranks 4 --blocks 40 --removed 0.3 --burst 2"),
    sim("--rate 300 --ranks 4 --blocks 30 --removed 0.5 --seed 2"),
    sim("--rate 300 --ranks 4 --blocks 30 --removed 0.5 --seed 2 --fault gap:2%@40-55s"),
  ]);
  const well = await serve(`--engine prefill=${prefill} --engine decode=${decode} --attention-dp-size 4 --snapshot`);
  const ill = await serve(
    `--engine prefill=http://127.0.0.1:9 --engine decode=${lossy} --attention-dp-size 4 ` +
      "--sink both --nats-url nats://127.0.0.1:9 --worker-id 7",
  );
  await setTimeout(HISTORY_MS);
  await picture(browser, well.url, "live-page");
  await picture(browser, well.url, "live-cache", {
    before: (page) => page.locator("#cache-title").evaluate((title) => title.scrollIntoView()),
  });
  await picture(browser, well.url, "live-light", { scheme: "light" });
  await picture(browser, well.url, "live-narrow", { size: { width: 420, height: 860 } });
  await picture(browser, ill.url, "live-trouble");
  await picture(browser, well.url, "live-reconnecting", {
    before: async (page) => {
      well.child.kill("SIGKILL");
      await page.locator("#banner").waitFor({ state: "visible" });
    },
  });
} finally {
  await browser.close();
  for (const child of children) child.kill("SIGKILL");
}
process.exit();
