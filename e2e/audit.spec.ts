// What was changed is read in words and taken back; what must be deployed again stands on the page one lands on.
import { accessible, expect, picture, test } from "./fixtures.ts";
import { createProxy, upstream } from "./steps.ts";

const proxy = "audited";

test("a change is read in words, taken back, and the dashboard says what needs a redeploy", async ({
  signedIn: page,
  product,
}) => {
  const api = await upstream();
  await createProxy(page, product, proxy, api.url);
  const base = `${product.console}/projects/Default/proxies/${proxy}`;
  await page.goto(`${base}/deploy/production`);
  await page
    .getByRole("button", { name: /^Deploy/ })
    .last()
    .click();
  await expect(page.getByText("Taken over by 1 gateway node.")).toBeVisible();

  for (const text of ["First words", "Second words"]) {
    await page.goto(`${base}/edit`);
    await page.locator("textarea[name=description], input[name=description]").fill(text);
    await page.locator("input[name=upstreamUrl]").fill(`${api.url}/${text.split(" ")[0]}`);
    await page.getByRole("button", { name: /^Save/ }).click();
    await expect(page).not.toHaveURL(/\/edit$/);
  }
  await page.goto(`${product.console}/projects/Default/dashboard`);
  await expect(page.getByRole("main")).toContainText(proxy);
  await accessible(page);
  await picture(page, "dashboard");

  await page.goto(`${product.console}/audit?object=${proxy}`);
  await accessible(page);
  await picture(page, "audit-list");
  await page.getByRole("row").filter({ hasText: proxy }).first().getByRole("link").first().click();
  await expect(page.getByRole("main")).toContainText("First words");
  await expect(page.getByRole("main")).toContainText("Second words");
  await accessible(page);
  await picture(page, "audit-record");

  await page.getByRole("link", { name: "Go back to before this change" }).click();
  await expect(page.getByRole("main")).toContainText("First words");
  await accessible(page);
  await picture(page, "go-back");
  await page.locator("input[type=text]:visible").last().fill(proxy);
  await page.getByRole("button", { name: "Go back", exact: true }).click();
  await expect(page).not.toHaveURL(/go-back/);
  await page.goto(base);
  await expect(page.getByRole("main")).toContainText("First words");
  await expect(page.getByRole("main")).toContainText(`${api.url}/First`);
});
