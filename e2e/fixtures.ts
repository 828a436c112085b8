// What every journey starts from: a product of the worker's own and a page
// whose visitor is signed in. A console error or a refused script fails the
// journey: the strict content policy must never be in the way of our own pages.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test as base, expect, type Page } from "@playwright/test";
import { Product } from "./product.ts";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const test = base.extend<{ signedIn: Page; quiet: undefined }, { product: Product; flags: string[] }>({
  /** Further flags of the product, for a file of journeys: test.use({ flags: […] }). */
  flags: [[], { option: true, scope: "worker" }],
  product: [
    async ({ flags }, use) => {
      const product = await Product.start({ demo: true, dev: true, args: flags });
      await use(product);
      await product.remove();
    },
    { scope: "worker" },
  ],
  quiet: [
    async ({ page }, use) => {
      const complaints: string[] = [];
      page.on("pageerror", (e) => complaints.push(String(e)));
      page.on("console", (m) => {
        // A 4xx answer to our own form is what several journeys are about; browser and htmx log each. So does htmx where
        // leaving a page ends a request, such as the one for advice.
        const answer =
          /^(Failed to load resource|Response Status Error Code 4|htmx:(afterRequest|sendAbort), )/;
        if (m.type() === "error" && !answer.test(m.text())) complaints.push(m.text());
      });
      await use(undefined);
      expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
  signedIn: async ({ page, product }, use) => {
    await signIn(page, product);
    await use(page);
  },
});

export { expect };

export async function signIn(page: Page, product: Product): Promise<void> {
  await page.goto(`${product.console}/sign-in`);
  await page.locator("input[name=name]").fill("admin");
  await page.locator("input[name=password]").fill(product.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/projects\//);
}

interface Violation {
  id: string;
  impact: string;
  nodes: { target: string[]; failureSummary: string }[];
}

/** accessible fails on any serious or critical finding of axe, in light and dark. */
export async function accessible(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(axeSource);
    const violations = await page.evaluate(async () => {
      // biome-ignore lint/suspicious/noExplicitAny: axe has just been put there
      const result = await (window as any).axe.run();
      return result.violations as Violation[];
    });
    const grave = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
    const seen = grave.map(
      (v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join("; ")}`,
    );
    expect(seen, `${page.url()} in ${colorScheme}`).toEqual([]);
  }
}

/** picture keeps screenshots of the page, wide and narrow, light and dark. */
export async function picture(page: Page, name: string): Promise<void> {
  for (const [size, width] of [
    ["wide", 1440],
    ["narrow", 390],
  ] as const) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({
        path: `e2e/artifacts/pictures/${name}-${size}-${colorScheme}.png`,
        fullPage: true,
      });
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}
