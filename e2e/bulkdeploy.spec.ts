// A changed policy goes live on three proxies at once, and the report of usage says so.
import type { Page } from "@playwright/test";
import { accessible, expect, picture, test } from "./fixtures.ts";
import { call, clientToken, createProxy, deploy, upstream } from "./steps.ts";

const policy = "bulk-standard";
const proxies = ["bulk-one", "bulk-two", "bulk-three"];

/** states are what the report says of the policy's places, proxy by proxy. */
async function states(page: Page, console: string): Promise<string[]> {
  await page.goto(
    `${console}/projects/Default/reports/policy-usage?policy=${policy}&environment=production&sort=owner`,
  );
  return page.locator("tbody tr .Runs .Badge").allInnerTexts();
}

test("a policy is deployed in bulk over three proxies, with progress and results", async ({
  signedIn: page,
  product,
}) => {
  const api = await upstream();
  const root = `${product.console}/projects/Default`;
  await page.goto(`${root}/new/policies/policy-auth-jwt`);
  await page.locator("input[name=name]").fill(policy);
  await page.getByRole("button", { name: "Create policy" }).click();
  await expect(page.getByRole("heading", { name: policy })).toBeVisible();
  let first = { id: "", secret: "" };
  for (const proxy of proxies) {
    const pair = await createProxy(page, product, proxy, api.url);
    if (proxy === proxies[0]) first = pair;
    await page.goto(`${root}/proxies/${proxy}/develop`);
    await page.getByRole("link", { name: "Add policy to the request lane" }).click();
    await page.getByRole("button", { name: `Add ${policy}` }).click();
    await expect(page.getByRole("link", { name: policy })).toBeVisible();
    if (proxy !== proxies[2]) await deploy(page, product, proxy);
  }
  expect(await states(page, product.console)).toEqual(["Live", "Not deployed", "Live"]);
  const token = (await clientToken(product, first)).body.access_token;
  expect((await call(product, `/${proxies[0]}/1`, token)).status).toBe(200);

  // Saving the policy says how many wait for it, and leads to the bulk deploy.
  await page.goto(`${root}/policies/policy-auth-jwt/${policy}/edit`);
  await page.locator("input[name=leewaySeconds]").fill("7");
  await page.getByRole("button", { name: /^Save/ }).click();
  await expect(page.getByText("2 proxies need a redeploy to take it over.")).toBeVisible();
  expect(await states(page, product.console)).toEqual([
    "Redeploy required",
    "Not deployed",
    "Redeploy required",
  ]);
  await page.goto(`${root}/policies/policy-auth-jwt/${policy}`);
  await page.getByRole("link", { name: "Bulk deploy" }).click();
  const count = page.locator("#bulk-count");
  await expect(count).toHaveText("2 deploys to production, one after the other.");
  await page.locator("input[name=filter][value=ALL]").check();
  await expect(count).toHaveText("3 deploys to production, one after the other.");
  await page.getByLabel("API proxies (3)").uncheck();
  await expect(count).toHaveText("Nothing is chosen.");
  await expect(page.getByRole("button", { name: "Deploy", exact: true })).toBeDisabled();
  await page.getByLabel("API proxies (3)").check();
  await expect(page.getByRole("button", { name: "Deploy 3 API proxies" })).toBeEnabled();
  await page.getByLabel("Description").fill("Friday's change");
  await accessible(page);
  await picture(page, "bulkdeploy-form");
  await page.getByRole("button", { name: "Deploy 3 API proxies" }).click();

  await expect(page.getByRole("heading", { name: `${policy} was deployed to production` })).toBeVisible();
  await expect(page.getByText("3 owners were deployed.")).toBeVisible();
  const results = page.getByRole("region", { name: "Results of the bulk deploy" }).locator("tbody tr");
  await expect(results).toHaveCount(3);
  for (const i of [0, 1, 2]) await expect(results.nth(i)).toContainText("Succeeded");
  const node = page.getByRole("region", { name: "Gateway nodes" }).locator("tbody tr");
  await expect(node).toHaveCount(1);
  await expect(node).toContainText("Succeeded");
  await accessible(page);
  await picture(page, "bulkdeploy-results");
  expect(await states(page, product.console)).toEqual(["Live", "Live", "Live"]);
  await page.goto(`${root}/proxies/${proxies[2]}/history`);
  await expect(page.getByText("Friday's change")).toBeVisible();
  api.close();
});
