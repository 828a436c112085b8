// What a deploy would change is shown before it, and what ran before runs again as a new revision.
import type { Page } from "@playwright/test";
import { accessible, expect, picture, test } from "./fixtures.ts";
import { upstream } from "./steps.ts";

const proxy = "rolled";

async function deploy(page: Page, console: string, seen?: (page: Page) => Promise<void>): Promise<void> {
  await page.goto(`${console}/projects/Default/proxies/${proxy}/deploy/production`);
  await seen?.(page);
  await page
    .getByRole("button", { name: /^(Deploy|Redeploy)/ })
    .last()
    .click();
  await expect(page.getByText("Taken over by 1 gateway node.")).toBeVisible();
}

test("two sides are compared in words, and a deploy is rolled back", async ({ signedIn: page, product }) => {
  const api = await upstream();
  const base = `${product.console}/projects/Default/proxies/${proxy}`;
  await page.goto(`${product.console}/projects/Default/new/proxies`);
  await page.locator("input[name=name]").fill(proxy);
  await page.locator("input[name=basePath]").fill("/rolled");
  await page.locator("input[name=upstreamUrl]").fill(`${api.url}/v1`);
  await page.getByRole("button", { name: /^Create/ }).click();
  await expect(page.getByText("Copy the client secret now")).toBeVisible();
  await deploy(page, product.console);
  const path = async () => (await (await fetch(`${product.gateway}/rolled/7`)).json()).path;
  expect(await path()).toBe("/api/v1/7");

  await page.goto(`${base}/edit`);
  await page.locator("input[name=upstreamUrl]").fill(`${api.url}/v2`);
  await page.getByRole("button", { name: /^Save/ }).click();
  await expect(page).not.toHaveURL(/\/edit$/);
  await deploy(page, product.console, async () => {
    const changes = page.getByRole("region", { name: "What changes" });
    await expect(changes).toContainText(`${api.url}/v1`);
    await expect(changes).toContainText(`${api.url}/v2`);
    await accessible(page);
    await picture(page, "deploy-changes");
  });
  expect(await path()).toBe("/api/v2/7");

  await page.goto(`${base}/history`);
  await accessible(page);
  await picture(page, "history-actions");
  await page.getByRole("button", { name: "Actions for revision 1" }).click();
  await page.getByRole("link", { name: "Compare with what runs" }).click();
  await expect(page.getByRole("heading", { level: 2 }).first()).toContainText(
    "From revision 1 to what runs in production (revision 2)",
  );
  await expect(page.getByRole("table")).toContainText(`${api.url}/v2`);
  await accessible(page);
  await picture(page, "compare");
  await page.getByLabel("After").selectOption("1");
  await page.getByRole("button", { name: "Compare", exact: true }).click();
  await expect(page.getByText("Both say the same.")).toBeVisible();

  await page.goto(`${base}/history`);
  await page.getByRole("button", { name: "Actions for revision 1" }).click();
  await page.getByRole("link", { name: "Roll back to it" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText(`${api.url}/v1`);
  await accessible(page);
  await picture(page, "rollback");
  await dialog.getByLabel("Note").fill("v2 is not ready.");
  await dialog.getByRole("button", { name: "Roll back" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText(
    "Revision 3 of rolled was deployed to production",
  );
  expect(await path()).toBe("/api/v1/7");

  // What was edited is still there, and the page says that it is not live.
  await page.goto(base);
  await expect(page.getByText("Redeploy required").first()).toBeVisible();
  await expect(page.getByText(`${api.url}/v2`).first()).toBeVisible();

  // One revision is pinned, another one deleted.
  await page.goto(`${base}/history`);
  await page.getByRole("button", { name: "Actions for revision 1" }).click();
  await page.getByRole("button", { name: "Pin it" }).click();
  await expect(page.getByText("Revision 1 is kept from now on, however old it gets.")).toBeVisible();
  await expect(page.getByRole("row", { name: /^Revision 1 / })).toContainText("Pinned");
  await page.getByRole("button", { name: "Actions for revision 1" }).click();
  await expect(page.getByRole("link", { name: "Delete it" }).locator("visible=true")).toHaveCount(0);
  await page.keyboard.press("Escape");
  await accessible(page);
  await picture(page, "history-pinned");
  await page.getByRole("button", { name: "Actions for revision 2" }).click();
  await page.getByRole("link", { name: "Delete it" }).locator("visible=true").click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete revision" }).click();
  await expect(page.getByText("Revision 2 was deleted.")).toBeVisible();
});
