// A proxy leaves one installation as a package and enters an empty one, where it answers the same.
import type { Page } from "@playwright/test";
import { accessible, expect, picture, signIn, test } from "./fixtures.ts";
import { Product } from "./product.ts";
import { call, clientToken, deploy, type Pair } from "./steps.ts";

const passphrase = "nine patient herons";

/** exported is the demo's proxy with its policy, as a file that a passphrase protects. */
async function exported(page: Page, product: Product): Promise<string> {
  await page.goto(`${product.console}/projects/Demo/proxies/echo`);
  await page.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("link", { name: "Export", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Review the export" })).toBeVisible();
  await expect(page.getByRole("checkbox", { name: /demo-jwt/ })).toBeChecked();
  await accessible(page);
  await picture(page, "export-review");
  await page.locator("input[name=passphrase]").fill(passphrase);
  await page.locator("input[name=confirmation]").fill("something else entirely");
  await page.getByRole("button", { name: "Download the package" }).click();
  await expect(page.getByText("This is not the same passphrase.").first()).toBeVisible();
  await page.locator("input[name=passphrase]").fill(passphrase);
  await page.locator("input[name=confirmation]").fill(passphrase);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download the package" }).click(),
  ]);
  expect(download.suggestedFilename()).toBe("echo-exported.zip");
  return download.path();
}

/** planned uploads the file and unlocks it, at the second try. */
async function planned(page: Page, product: Product, file: string): Promise<void> {
  await page.goto(`${product.console}/projects/Default/packages`);
  await accessible(page);
  await picture(page, "packages");
  await page.getByRole("link", { name: "Upload a package" }).click();
  await accessible(page);
  await page.locator("input[type=file]").setInputFiles(file);
  await page.locator("input[name=passphrase]").fill("not the passphrase");
  await page.getByRole("button", { name: "Upload" }).click();
  await expect(page.getByText("The passphrase is wrong, or the package was changed.").first()).toBeVisible();
  await accessible(page);
  await picture(page, "import-unlock");
  await page.locator("input[name=passphrase]").fill(passphrase);
  await page.getByRole("button", { name: "Unlock" }).click();
  await expect(page.getByRole("heading", { name: "Plan of the import" })).toBeVisible();
}

/** imported looks at the plan, gives the policy another name, and imports. */
async function imported(page: Page): Promise<Pair> {
  await page.getByText("Choices for demo-jwt").click();
  await page
    .getByRole("group", { name: /demo-jwt/ })
    .getByLabel("Import it under another name", { exact: false })
    .check();
  await page.locator("[name='name.0']").fill("partner-jwt");
  await page.getByRole("button", { name: "Update the plan" }).click();
  await expect(page.getByRole("heading", { name: /demo-jwt as partner-jwt/ })).toBeVisible();
  await accessible(page);
  await picture(page, "import-plan");
  await page.getByRole("button", { name: "Review", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Review the import" })).toBeVisible();
  await accessible(page);
  await picture(page, "import-review");
  await page.getByRole("button", { name: "Import 2 objects into Default" }).click();
  await expect(page.getByRole("heading", { name: "The package is imported" })).toBeVisible();
  await accessible(page);
  await picture(page, "import-result");
  const row = page.getByRole("row", { name: /echo/ }).first();
  return {
    id: await row.locator("code").nth(0).innerText(),
    secret: await row.locator("code").nth(1).innerText(),
  };
}

test("a proxy is exported, imported into an empty installation and answers the same there", async ({
  signedIn: page,
  product,
  browser,
}) => {
  const file = await exported(page, product);
  const empty = await Product.start();
  try {
    const there = await (await browser.newContext()).newPage();
    await signIn(there, empty);
    await planned(there, empty, file);
    const pair = await imported(there);
    await deploy(there, empty, "echo");

    const token = await clientToken(empty, pair);
    expect(token.status).toBe(200);
    const answer = await call(empty, "/echo/hello", token.body.access_token);
    expect(answer.status).toBe(200);
    expect((await fetch(`${empty.gateway}/echo/hello`)).status).toBe(
      (await fetch(`${product.gateway}/echo/hello`)).status,
    );
    const refused = async (p: Product) => (await call(p, "/echo/hello", "no token")).body;
    expect(Object.keys(await refused(empty))).toEqual(Object.keys(await refused(product)));
    await there.goto(`${empty.console}/projects/Default/proxies/echo/develop`);
    await expect(there.getByRole("link", { name: "partner-jwt" })).toBeVisible();
  } finally {
    await empty.remove();
  }
});
