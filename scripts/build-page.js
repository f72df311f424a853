// Bundles the live page into dist/src/page: two scripts, one style sheet, and what needs no bundling. They are served as they
// lie there, so that a browser needs nothing from anywhere else.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { build, stop, transform } from "esbuild";

const FROM = new URL("../src/page/", import.meta.url);
const TO = new URL("../dist/src/page/", import.meta.url);
/** Browsers of the last three years. */
const TARGET = ["chrome109", "firefox115", "safari16.4"];

mkdirSync(TO, { recursive: true });
await build({
  entryPoints: ["page.ts", "stream.ts"].map((name) => new URL(name, FROM).pathname),
  outdir: TO.pathname,
  bundle: true,
  format: "iife",
  minify: true,
  target: TARGET,
  // The licence of the chart library stays in what is made of it.
  banner: { js: "/*! kvcast, Apache-2.0. Charts: uPlot, (c) Leon Sorokin, MIT */" },
  legalComments: "none",
  logLevel: "warning",
});
const chartStyle = new URL("../node_modules/uplot/dist/uPlot.min.css", import.meta.url);
const style = [chartStyle, new URL("page.css", FROM)].map((file) => readFileSync(file, "utf8")).join("\n");
const { code } = await transform(style, { loader: "css", minify: true, target: TARGET });
await stop();
writeFileSync(new URL("page.css", TO), code);
for (const name of ["index.html", "icon.svg"]) copyFileSync(new URL(name, FROM), new URL(name, TO));
