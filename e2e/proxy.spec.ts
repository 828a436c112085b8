// What a person does with an API proxy, and what callers outside see of it.
import type { Page } from "@playwright/test";
import { accessible, expect, picture, test } from "./fixtures.ts";
import { clientToken, upstream } from "./steps.ts";

/** choose opens the deploy popover of the page's head and follows one of its entries. */
async function choose(page: Page, entry: string): Promise<void> {
  await page.getByRole("button", { name: "Deploy", exact: true }).first().click();
  await page.getByRole("link", { name: entry }).first().click();
}

test("a proxy is created, guarded, deployed, called and undeployed", async ({ signedIn: page, product }) => {
  const api = await upstream();
  await page.goto(`${product.console}/projects/Default/proxies`);
  await accessible(page);
  await picture(page, "proxies-empty");
  await page
    .getByRole("link", { name: /Create|New/ })
    .first()
    .click();

  // Bad input first: each gets its answer, and everything typed stays.
  await page.locator("input[name=name]").fill("orders");
  await page.locator("input[name=basePath]").fill("/auth/orders");
  await page.locator("input[name=upstreamUrl]").fill("not an address");
  await page.getByRole("button", { name: /^Create/ }).click();
  await expect(page.locator("input[name=basePath]")).toHaveAttribute("aria-invalid", "true");
  await expect(page.locator("input[name=upstreamUrl]")).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByText("is reserved for the gateway").first()).toBeVisible();
  await expect(page.locator("input[name=name]")).toHaveValue("orders");
  await accessible(page);
  await picture(page, "proxy-wrong");

  await page.locator("input[name=basePath]").fill("/echo"); // the demo's
  await page.locator("input[name=upstreamUrl]").fill(api.url);
  await page.getByRole("button", { name: /^Create/ }).click();
  await expect(page.getByText("The base path /echo is taken").first()).toBeVisible();
  await page.locator("input[name=basePath]").fill("/orders");
  await page.getByRole("button", { name: /^Create/ }).click();

  // The key pair is shown this once.
  await expect(page.getByText("Copy the client secret now")).toBeVisible();
  const pair = await page.locator("code").allInnerTexts();
  const id = pair.find((t) => /^[0-9a-f-]{36}$/.test(t)) ?? "";
  const secret = pair.find((t) => /^[\w-]{40,}$/.test(t)) ?? "";
  expect([id, secret].every((t) => t !== "")).toBe(true);
  await page.getByRole("link", { name: "Add a policy" }).click();

  // Nothing is live before it is deployed.
  expect((await fetch(`${product.gateway}/orders/1`)).status).toBe(404);

  // A local policy in the request lane, and a global one before it.
  await page.getByRole("link", { name: "Add policy to the request lane" }).click();
  await page
    .getByRole("link", { name: /New local policy/ })
    .first()
    .click();
  await page.locator("input[name=name]").fill("orders-jwt");
  await page.getByLabel("Add Client Info to Header").check();
  await page
    .getByRole("button", { name: /^(Add|Create|Save)/ })
    .last()
    .click();
  await expect(page.getByRole("link", { name: "orders-jwt" })).toBeVisible();
  await accessible(page);
  await picture(page, "develop");

  await page.goto(`${product.console}/projects/Default/new/policies/policy-auth-jwt`);
  await page.locator("input[name=name]").fill("company-standard");
  await page.getByRole("button", { name: "Create policy" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("company-standard");
  await page.goto(`${product.console}/projects/Default/proxies/orders/develop`);
  await page.getByRole("link", { name: "Add policy to the request lane" }).click();
  await page.getByRole("button", { name: "Add company-standard" }).click();
  const lane = page
    .getByRole("list", { name: /Request lane/ })
    .last()
    .getByRole("listitem");
  await expect(lane).toHaveCount(2);
  await expect(lane.nth(1)).toContainText("company-standard");

  // Ordered by keyboard, and removed.
  const ordered = page.waitForResponse((answer) => answer.url().endsWith("/bindings/order"));
  await lane.nth(1).getByRole("button", { name: /up/i }).press("Enter");
  await expect(lane.nth(0)).toContainText("company-standard");
  await ordered; // the page shows the new order before the answer is there
  await page.reload();
  await expect(lane.nth(0)).toContainText("company-standard");
  await lane.nth(0).getByRole("button", { name: "Actions for company-standard" }).click();
  await page
    .getByRole("link", { name: "Remove" })
    .or(page.getByRole("menuitem", { name: "Remove" }))
    .first()
    .click();
  await page.getByRole("button", { name: "Remove policy" }).click();
  await expect(lane).toHaveCount(1);

  // Deployed from the popover; the row of the node says that it runs.
  await choose(page, "Deploy to production");
  await accessible(page);
  await page
    .getByRole("button", { name: /^Deploy/ })
    .last()
    .click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText(
    "Revision 1 of orders was deployed to production",
  );
  await expect(page.getByText("Taken over by 1 gateway node.")).toBeVisible();
  await accessible(page);
  await picture(page, "deploy-result");

  // Called from outside.
  const issued = await clientToken(product, { id, secret });
  expect(issued.status).toBe(200);
  const bearer = { Authorization: `Bearer ${issued.body.access_token}` };
  const allowed = await fetch(`${product.gateway}/orders/7?x=1`, {
    headers: { ...bearer, "X-Authenticated-UserId": "admin" },
  });
  expect(allowed.status).toBe(200);
  const seen = await allowed.json();
  expect(seen.method).toBe("GET");
  expect(seen.path).toBe("/api/7?x=1");
  expect(seen.headers["x-authenticated-userid"]).toBe(id);
  const refused = await fetch(`${product.gateway}/orders/7`);
  expect(refused.status).toBe(401);
  expect(refused.headers.get("www-authenticate")).toMatch(/^Bearer/);
  expect(await refused.json()).toEqual({ statusCode: 401, message: expect.any(String) });

  // Editing touches no traffic; the page says what is missing, and editing back takes it away.
  const rename = async (text: string) => {
    await page.goto(`${product.console}/projects/Default/proxies/orders/edit`);
    await page.locator("input[name=upstreamUrl]").fill(text);
    await page.getByRole("button", { name: /^Save/ }).click();
    await expect(page).toHaveURL(/proxies\/orders$/);
  };
  await rename("http://127.0.0.1:1/elsewhere");
  await expect(page.getByText("Redeploy required").first()).toBeVisible();
  expect((await fetch(`${product.gateway}/orders/7`, { headers: bearer })).status).toBe(200);
  await rename(api.url);
  await expect(page.getByText("Redeploy required")).toHaveCount(0);
  await picture(page, "proxy");
  await accessible(page);

  // Undeployed: gone for callers.
  await choose(page, "Undeploy from production");
  await page.locator("input[name=confirm]").fill("orders");
  await page
    .getByRole("button", { name: /^Undeploy/ })
    .last()
    .click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText(
    "orders was undeployed from production",
  );
  expect((await fetch(`${product.gateway}/orders/7`, { headers: bearer })).status).toBe(404);
  api.close();
});
