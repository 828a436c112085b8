// Why was I refused? Calls and token requests that were refused are found by the
// correlation id that their callers got, with the reason and the fix.

import type { Page } from "@playwright/test";
import { accessible, expect, picture, test } from "./fixtures.ts";
import { createCredential, createProxy, deploy, guard, type Upstream, upstream } from "./steps.ts";

let api: Upstream;
test.beforeAll(async () => {
  api = await upstream();
});
test.afterAll(() => api.close());

/** refusedWith is the correlation id of an answer, which is a refusal. */
function refusedWith(answer: Response, status: number): string {
  expect(answer.status).toBe(status);
  const id = answer.headers.get("X-Correlation-Id") ?? "";
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  return id;
}

/** explain asks for an id until its record has arrived, which is written in batches. */
async function explain(page: Page, address: string, id: string): Promise<ReturnType<Page["locator"]>> {
  const found = page.locator(".Refusal");
  await expect(async () => {
    await page.goto(address);
    await page.getByLabel("Correlation id", { exact: true }).fill(id);
    await page.getByRole("button", { name: "Explain" }).click();
    await expect(found).toBeVisible({ timeout: 500 });
  }).toPass();
  return found;
}

test("an expired token, a missing role and a wrong password are explained by their correlation ids", async ({
  signedIn: page,
  product,
  browser,
}) => {
  await page.goto(`${product.console}/projects/Default/roles`);
  await page.getByLabel("Name").fill("clerk");
  await page.getByRole("button", { name: "Create role" }).click();
  await expect(page.getByRole("row", { name: /clerk/ })).toBeVisible();
  const { id: client } = await createProxy(page, product, "why", api.url);
  await guard(page, product, "why", async (field) => {
    await page.getByRole("radio", { name: /PASSWORD/ }).check();
    await field("authorization.enableAuthorization").check();
    await field("authorization.credentialRoleNameList").fill("admin, ops");
    await field("tokenExpiresInAmount").fill("2");
    await field("tokenExpiresInUnit").selectOption("SECONDS");
    await field("leewaySeconds").fill("0");
  });
  await deploy(page, product, "why");
  const leyla = await createCredential(page, product, "leyla", "why", async (field) => {
    await field("roleNameList").and(page.locator("[value=clerk]")).check();
  });
  const login = (password: string) =>
    fetch(`${product.gateway}/auth/jwt`, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "password", client_id: client, username: leyla.id, password }),
    });
  const token = (await (await login(leyla.secret)).json()).access_token as string;
  const call = () =>
    fetch(`${product.gateway}/why/orders?page=2`, { headers: { Authorization: `Bearer ${token}` } });

  // A role is missing; the answer names those that are needed and the one that is there.
  const missing = refusedWith(await call(), 403);
  const address = `${product.console}/refusals`;
  let found = await explain(page, address, missing);
  await expect(found).toContainText("The policy needs any of admin, ops; the caller has clerk.");
  await expect(found).toContainText(
    "Give the caller's credential the role on its page under Credentials, and have it ask for a new token",
  );
  await expect(found).toContainText("The call GET /why/orders of leyla");
  await expect(found).toContainText("the policy why-jwt refused it");
  await expect(page).toHaveURL(`${address}?id=${missing}`);
  await accessible(page);
  await picture(page, "refusal");
  for (const name of ["Credential leyla", "API proxy why", "Policy why-jwt"]) {
    await found.getByRole("link", { name }).click();
    await expect(page.getByRole("heading", { level: 1 })).not.toHaveText("Why was I refused?");
    await page.goBack();
  }

  // The token expires.
  let answer = await call();
  await expect(async () => {
    answer = await call();
    expect(answer.status).toBe(401);
  }).toPass();
  found = await explain(page, address, refusedWith(answer, 401));
  await expect(found).toContainText(/The token expired \d+ s ago; the policy allows a leeway of 0 s\./);
  await expect(found).toContainText("ask for a new token, or refresh its login");
  await expect(found).toContainText("raise Token Expires In in the policy");

  // A password is wrong: the token request itself is refused.
  const wrong = refusedWith(await login("not the password"), 400);
  found = await explain(page, address, wrong);
  await expect(found).toContainText("The credential exists, but the password is wrong.");
  await expect(found).toContainText("make a new one on the credential's page");
  await found.getByRole("link", { name: "Token request" }).click();
  await page.getByRole("link", { name: "Why was it refused?" }).click();
  await expect(page.locator(".Refusal")).toContainText("the password is wrong");

  // Nothing that was sent is in what is shown.
  await page.goto(address);
  await expect(page.getByRole("table", { name: /Refused calls/ }).getByRole("row")).not.toHaveCount(1);
  const shown = await page.content();
  for (const secret of [token, leyla.secret, "not the password", "page=2"])
    expect(shown).not.toContain(secret);
  await accessible(page);
  await picture(page, "refusals");

  // The palette knows an id when it sees one.
  await page.keyboard.press("Control+k");
  await page.keyboard.type(missing);
  await expect(page.getByRole("option", { name: /Why was it refused/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.locator(".Refusal")).toContainText("the caller has clerk");

  // An id that nobody knows, on a phone, without JavaScript.
  const bare = await browser.newContext({
    javaScriptEnabled: false,
    viewport: { width: 390, height: 800 },
    storageState: await page.context().storageState(),
  });
  const phone = await bare.newPage();
  await phone.goto(address);
  await phone.getByLabel("Correlation id", { exact: true }).fill("no-such-id");
  await phone.getByRole("button", { name: "Explain" }).click();
  await expect(phone.getByText("Nothing is recorded under no-such-id")).toBeVisible();
  await phone.getByLabel("Code").selectOption("ERR-104");
  await phone.getByRole("button", { name: "Search" }).click();
  await expect(
    phone.getByRole("link", { name: "You have not the role that this call needs" }).first(),
  ).toBeVisible();
  expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await bare.close();
});
