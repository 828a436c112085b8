// Builds what the console sends to the browser: assets/js and assets/css into assets/dist, and the one library we carry.
// The result is committed, so that a Go build needs no Node. Equal sources give equal bytes: no times, no absolute paths.
import { copyFile, mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });

await build({
  absWorkingDir: here,
  entryPoints: { app: "js/app.ts", boot: "js/boot.ts" },
  outdir: dist,
  bundle: true,
  format: "iife",
  minify: true,
  target: ["es2022"],
  legalComments: "none",
  logLevel: "warning",
});

await build({
  absWorkingDir: here,
  entryPoints: { app: "css/app.css" },
  outdir: dist,
  bundle: true,
  minify: true,
  // Native nesting and light-dark() are kept: esbuild would otherwise lower them for browsers we do not serve.
  target: ["chrome125", "firefox129", "safari17.5"],
  loader: { ".woff2": "file" },
  // Fonts carry their own hash, because the style sheet names them itself.
  assetNames: "fonts/[name]-[hash]",
  legalComments: "none",
  logLevel: "warning",
});

for (const [from, to] of [
  ["../node_modules/htmx.org/dist/htmx.min.js", "htmx.min.js"],
  ["favicon.svg", "favicon.svg"],
  ["../node_modules/htmx.org/LICENSE", "htmx-licence.txt"],
  ["../node_modules/@fontsource-variable/inter/LICENSE", "fonts/inter-licence.txt"],
]) {
  await copyFile(join(here, from), join(dist, to));
}
