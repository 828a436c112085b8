// Credentials in numbers: a long import that is watched, left and come back to, and access for names that are searched.
import type { Page } from "@playwright/test";
import { accessible, test as base, expect, picture, signIn } from "./fixtures.ts";
import { Product } from "./product.ts";

/** Two processors, of which an import takes one: a machine with many would be through before anybody looks. */
const test = base.extend<object, { product: Product }>({
  product: [
    async ({ flags }, use) => {
      const product = await Product.start({ demo: true, args: flags, env: { GOMAXPROCS: "2" } });
      await use(product);
      await product.remove();
    },
    { scope: "worker" },
  ],
});

/** preview pastes n credentials, or their names with other secrets, and shows what would be done. */
async function preview(page: Page, origin: string, prefix: string, n: number): Promise<void> {
  const lines = Array.from({ length: n }, (_, i) => `${prefix}-${i},a-good-secret-${i}`);
  await page.goto(`${origin}/projects/Demo/import/credentials`);
  await page.getByLabel("Or paste the lines").fill(["username,password", ...lines].join("\n"));
  await page.getByRole("button", { name: "Preview" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Preview of the import");
}

test("a long import is watched, left, and found again at its end", async ({ signedIn: page, product }) => {
  await preview(page, product.console, "bulk", 300);
  await page.getByRole("button", { name: "Import 300 credentials" }).click();
  const bar = page.getByRole("progressbar", { name: "Secrets hashed" });
  await expect(bar).toHaveAttribute("max", "300");
  await expect(page.getByText(/^[1-9]\d* of 300 secrets hashed$/)).toBeVisible();
  const watched = page.url();

  await preview(page, product.console, "second", 1);
  await page.getByRole("button", { name: "Import 1 credential" }).click();
  await expect(page.getByRole("alert")).toContainText("Another import of yours is under way");
  await page.getByRole("link", { name: "the other one" }).click();
  await expect(page).toHaveURL(watched);
  await accessible(page);
  await picture(page, "import-running");

  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Import finished", { timeout: 90_000 });
  await expect(page.getByText("300 credentials created, 0 changed, 0 skipped")).toBeVisible();
  await accessible(page);
  await picture(page, "import-finished");
  await page.getByRole("link", { name: "Open the credentials" }).click();
  await expect(page.getByRole("link", { name: /^bulk-/ }).first()).toBeVisible();
  await page.goto(`${product.console}/projects/Demo/import/credentials`);
  await expect(page.getByText("It is the import that you began last.")).toBeVisible();
});

test("an import that is cut short by the end of the process says so and is started again", async ({
  page,
}) => {
  const o = { demo: true, env: { GOMAXPROCS: "2" }, args: ["--drain-timeout=10ms"] };
  const first = await Product.start(o);
  await signIn(page, first);
  await preview(page, first.console, "cut", 120);
  await page.getByRole("button", { name: "Import 120 credentials" }).click();
  await expect(page.getByText(/ of 120 secrets hashed$/)).toBeVisible();
  const path = new URL(page.url()).pathname;
  await page.goto("about:blank");
  expect(await first.stop()).toBe(0);
  const second = await Product.start({ ...o, dir: first.dir });
  await page.goto(second.console + path);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Import interrupted");
  await expect(page.getByText("Nothing was written")).toBeVisible();
  await accessible(page);
  await picture(page, "import-interrupted");
  await page.getByRole("button", { name: "Start again" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Import finished", { timeout: 90_000 });
  await second.remove();
});

test("an import without JavaScript ends by itself too", async ({ signedIn: page, product, browser }) => {
  const storageState = await page.context().storageState();
  const bare = await browser.newContext({ javaScriptEnabled: false, storageState });
  const plain = await bare.newPage();
  await preview(plain, product.console, "plain", 100);
  await plain.getByRole("button", { name: "Import 100 credentials" }).click();
  await expect(plain.getByText(/ of 100 secrets hashed/)).toBeVisible();
  await expect(plain.getByRole("heading", { level: 1 })).toHaveText("Import finished");
  await plain.goto(`${product.console}/projects/Demo/new/access`);
  await expect(plain.getByRole("combobox", { name: "Find APIs" })).toBeHidden();
  await plain.locator("[name=credentials]").fill("plain-0");
  await plain.locator("[name=proxies]").fill("echo");
  await plain.getByRole("button", { name: "Grant access" }).click();
  await expect(plain.getByText("plain-0 may use echo now.")).toBeVisible();
  await bare.close();
});

test("access is granted by names that are searched, by keyboard alone", async ({
  signedIn: page,
  product,
}) => {
  await preview(page, product.console, "finder", 30);
  await page.getByRole("button", { name: "Import 30 credentials" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Import finished");
  await page.goto(`${product.console}/projects/Demo/new/access?proxy=echo`);
  const names = page.locator("[name=credentials]");
  const find = page.getByRole("combobox", { name: "Find credentials" });
  await find.focus();
  await find.fill("FINDER-1");
  await expect(page.getByRole("option")).toHaveCount(11);
  await accessible(page);
  await picture(page, "access-finder");
  await page.keyboard.press("Enter");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(names).toHaveValue("finder-1\nfinder-10");
  await expect(page.getByRole("option", { selected: true })).toHaveText(["finder-1", "finder-10"]);
  await expect(page.getByRole("status").filter({ hasText: "finder-10 added. 2 names in all." })).toHaveCount(
    1,
  );
  await page.keyboard.press("Enter");
  await expect(names).toHaveValue("finder-1");
  await page.keyboard.press("Escape");
  await expect(find).toHaveAttribute("aria-expanded", "false");
  await expect(page).toHaveURL(/new\/access/);
  await page.getByRole("button", { name: "Grant access" }).click();
  await expect(page.getByText("finder-1 may use echo now.")).toBeVisible();

  await page.goto(`${product.console}/projects/Demo/new/access?proxy=echo`);
  await find.fill("finder-1");
  await expect(page.getByRole("option", { name: "has access" })).toHaveAttribute("aria-disabled", "");
  await page.keyboard.press("Enter");
  await expect(names).toHaveValue("");
});
