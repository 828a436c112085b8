// Where policies run and how much hangs on them: the report, its chart, its CSV, and the page of a policy.
import { readFile } from "node:fs/promises";
import { accessible, expect, picture, test } from "./fixtures.ts";
import { call, clientToken, createProxy, deploy, upstream } from "./steps.ts";

const policy = "usage-standard";
const proxy = "usage-orders";

test("the report of usage shows calls and live tokens, and is taken along", async ({
  signedIn: page,
  product,
}) => {
  const api = await upstream();
  const root = `${product.console}/projects/Default`;
  await page.goto(`${root}/new/policies/policy-auth-jwt`);
  await page.locator("input[name=name]").fill(policy);
  await page.getByRole("button", { name: "Create policy" }).click();
  await expect(page.getByRole("heading", { name: policy })).toBeVisible();
  const pair = await createProxy(page, product, proxy, api.url);
  await page.goto(`${root}/proxies/${proxy}/develop`);
  await page.getByRole("link", { name: "Add policy to the request lane" }).click();
  await page.getByRole("button", { name: `Add ${policy}` }).click();
  await expect(page.getByRole("link", { name: policy })).toBeVisible();
  await deploy(page, product, proxy);
  const token = (await clientToken(product, pair)).body.access_token;
  for (const _ of [1, 2, 3]) expect((await call(product, `/${proxy}/1`, token)).status).toBe(200);

  await page.goto(root);
  await page.getByRole("link", { name: "Reports" }).click();
  await expect(page.getByRole("heading", { name: "Policy usage" })).toBeVisible();
  await page.getByPlaceholder("Search policies and owners").fill(policy);
  await page.keyboard.press("Enter");
  const line = page.locator("tbody tr");
  await expect(line).toHaveCount(1);
  await expect(line).toContainText("Live");
  await expect(page.getByRole("columnheader").last()).toContainText("Live tokens");
  await expect(line.getByRole("cell").last()).toHaveText("1");
  // The gateway adds its counts up every few seconds.
  await expect(async () => {
    await page.reload();
    await expect(line.getByRole("cell").nth(-2)).toHaveText("3", { timeout: 500 });
  }).toPass({ timeout: 20_000 });
  await accessible(page);

  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Download CSV" }).click(),
  ]);
  const rows = (await readFile(await download.path(), "utf8")).trim().split("\r\n");
  expect(rows).toHaveLength(2);
  expect(rows[1]).toBe(
    `policy-auth-jwt,${policy},global,true,PROXY,${proxy},ALL,,REQUEST,1,,,production,LIVE,1,3,1,false`,
  );

  await page.goto(`${root}/reports/policy-usage`);
  await picture(page, "usage-report");
  await page.getByRole("link", { name: "Chart" }).click();
  await expect(page.getByText("Policies in the most places")).toBeVisible();
  await accessible(page);
  await picture(page, "usage-chart");
  await page.getByRole("link", { name: "As a table" }).click();
  await page.getByRole("link", { name: "Proxy group usage", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Proxy group usage" })).toBeVisible();
  await accessible(page);

  await page.goto(`${root}/policies/policy-auth-jwt/${policy}`);
  const tabs = page.getByRole("navigation", { name: "Who uses the policy" });
  await expect(tabs.getByRole("link", { name: "API Proxies Using Policy 1" })).toBeVisible();
  await expect(page.locator("#usage tbody tr")).toContainText("3 calls");
  await tabs.getByRole("link", { name: "Policy Groups" }).click();
  await expect(page.getByText("Nothing here uses it")).toBeVisible();
  await accessible(page);
  api.close();
});
