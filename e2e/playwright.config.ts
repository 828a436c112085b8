import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

// A system browser in the order in which people have one; without any,
// Playwright's own is used where `npx playwright install chromium` was run.
const browsers = [
  process.env.GATEWRIGHT_CHROME ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
const executablePath = browsers.find((path) => path !== "" && existsSync(path));

export default defineConfig({
  testDir: ".",
  outputDir: "artifacts/results",
  fullyParallel: false,
  workers: 2,
  retries: 0,
  forbidOnly: process.env.CI === "true",
  // A bound against a hung browser, not a measure of speed.
  timeout: 120_000,
  expect: { timeout: 20_000 },
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
    // What is still moving can be missed by a click.
    contextOptions: { reducedMotion: "reduce" },
    launchOptions: {
      executablePath,
      args: [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // Chromium refuses its sandbox to root, which is who runs in containers.
        ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      ],
    },
  },
});
