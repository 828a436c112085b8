// Five APIs behind one address: a group gets its members and policies at once, and callers use it with its own token.
import type { Page } from "@playwright/test";
import { accessible, expect, picture, test } from "./fixtures.ts";
import { call, clientToken, copied, deploy, type Pair, upstream } from "./steps.ts";

const members = ["pg-carts", "pg-items", "pg-orders", "pg-prices", "pg-stock"];
const policies = ["pg-company", "pg-partners"];
const policyGroup = "pg-standard"; // holds the second policy
const policyType = "policy-auth-jwt";

/** A proxy with one endpoint, so that each member of the group answers something. */
async function createMember(page: Page, console: string, name: string, url: string): Promise<void> {
  await page.goto(`${console}/projects/Default/new/proxies`);
  await page.locator("input[name=name]").fill(name);
  await page.locator("input[name=basePath]").fill(`/${name}`);
  await page.locator("input[name=upstreamUrl]").fill(url);
  await page.getByRole("button", { name: "Add endpoint" }).click();
  await page.locator('input[name="endpoints[0].path"]').fill(`/${name}/{id}`);
  await page.getByRole("button", { name: "Create proxy" }).click();
  await expect(page.getByText("Copy the client secret now")).toBeVisible();
}

async function createGroup(page: Page): Promise<Pair> {
  await page.getByRole("link", { name: "Create an API proxy group" }).click();
  await accessible(page);
  await page.locator("input[name=name]").fill("pg-stock"); // a proxy's: they share their names
  await expect(page.getByText("The name is taken by another proxy or proxy group")).toBeVisible();
  await page.locator("input[name=name]").fill("pg-shop");
  await page.locator("input[name=basePath]").fill("/pg-stock");
  await page.getByRole("button", { name: "Create proxy group" }).click();
  await expect(page.getByText("The base path /pg-stock is taken").first()).toBeVisible();
  await page.locator("input[name=basePath]").fill("/pg-shop");

  // Members are found while typing, chosen and put in order with the keyboard.
  const search = page.getByRole("searchbox", { name: /Search API proxies/ });
  for (const name of ["pg-items", "pg-carts"]) {
    await search.fill(name);
    await page.getByRole("button", { name: `Add ${name}` }).click();
    await expect(page.getByRole("button", { name: `Remove ${name}` })).toBeVisible();
  }
  const chosen = page.getByRole("list", { name: "Members in order" }).locator(".Bound-name");
  await expect(chosen).toHaveText(["pg-items", "pg-carts"]);
  await page.getByRole("button", { name: "Move pg-carts up" }).press("Enter");
  await expect(chosen).toHaveText(["pg-carts", "pg-items"]);
  await page.getByLabel("Block direct access to members").check();
  await expect(page.getByText("No member is deployed by itself")).toBeVisible();
  await accessible(page);
  await picture(page, "proxygroup-form");
  await page.getByLabel("Block direct access to members").uncheck();
  await page.getByRole("button", { name: "Create proxy group" }).click();
  await expect(page.getByText("Copy the client secret now")).toBeVisible();
  return {
    id: await copied(page, "Copy the client id"),
    secret: await copied(page, "Copy the client secret"),
  };
}

test("five proxies are called through one group with one token", async ({ signedIn: page, product }) => {
  test.setTimeout(120_000);
  const api = await upstream();
  for (const name of members) await createMember(page, product.console, name, api.url);
  for (const name of policies) {
    await page.goto(`${product.console}/projects/Default/new/policies/${policyType}`);
    await page.locator("input[name=name]").fill(name);
    await page.getByLabel("Add Client Info to Header").check();
    await page.getByRole("button", { name: "Create policy" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toContainText(name);
  }
  await page.goto(`${product.console}/projects/Default/new/policy-groups`);
  await page.locator("input[name=name]").fill(policyGroup);
  await page.getByRole("button", { name: "Create policy group" }).click();
  await expect(page.getByText("Copy the client secret now")).toBeVisible();
  await page.goto(
    `${product.console}/projects/Default/policy-groups/${policyGroup}/bindings/new?pipeline=REQUEST`,
  );
  await page.getByRole("button", { name: `Add ${policies[1]}` }).click();
  await expect(page.getByRole("link", { name: policies[1] })).toBeVisible();

  const groups = `${product.console}/projects/Default/proxy-groups`;
  await page.goto(groups);
  await accessible(page);
  await picture(page, "proxygroups-empty");
  const pair = await createGroup(page);

  // Many at once, with a preview that says exactly what changes.
  await page.goto(`${groups}/pg-shop`);
  await accessible(page);
  await page.getByRole("link", { name: "Assign proxies and policies" }).click();
  await page.getByRole("searchbox").fill("pg-");
  await page.getByRole("button", { name: "Search", exact: true }).last().click();
  await page.getByRole("button", { name: "Select all 3 API proxies" }).click();
  await expect(page.getByLabel("Assign pg-stock")).toBeChecked();
  for (const name of [policies[0], policyGroup]) await page.getByLabel(`Assign ${name}`).check();
  await accessible(page);
  await picture(page, "proxygroup-assign");
  await page.getByRole("button", { name: "Preview" }).click();
  await expect(page.getByRole("list", { name: "New members" }).locator(".Bound-name")).toHaveText([
    "pg-orders",
    "pg-prices",
    "pg-stock",
  ]);
  await expect(page.getByRole("list", { name: "Request lane" }).locator(".Bound-name")).toHaveText([
    policies[0] as string,
    policyGroup,
  ]);
  await expect(page.getByText("The group is not deployed: no traffic is touched.")).toBeVisible();
  await accessible(page);
  await picture(page, "proxygroup-preview");
  await page.getByRole("button", { name: /^Assign 3 API proxies and 2/ }).click();
  await expect(page.getByText("pg-shop has 5 members")).toBeVisible();
  await accessible(page);
  await picture(page, "proxygroup-show");

  // Nothing is live before the deploy; then every member answers, to the group's token only.
  expect((await fetch(`${product.gateway}/pg-shop/pg-carts/1`)).status).toBe(404);
  await page.getByRole("link", { name: "Develop" }).click();
  await expect(page.locator("#lane-request .Bound-name")).toHaveText([
    policies[0] as string,
    policyGroup,
    policies[1] as string, // inside of it
  ]);
  await accessible(page);
  await picture(page, "proxygroup-develop");
  await deploy(page, product, "pg-shop", "proxy-groups");
  const token = (await clientToken(product, pair)).body.access_token;
  for (const name of members) {
    expect((await fetch(`${product.gateway}/pg-shop/${name}/1`)).status, name).toBe(401);
    const answer = await call(product, `/pg-shop/${name}/1`, token);
    expect([answer.status, answer.body.path], name).toEqual([200, `/api/${name}/1`]);
    expect(answer.body.headers["x-authenticated-userid"]).toBe(pair.id);
  }

  // A member that is deployed itself answers at its own address, until the group blocks that.
  const direct = `/pg-stock/pg-stock/1`;
  expect((await call(product, direct, token)).status).toBe(404);
  await deploy(page, product, "pg-stock");
  expect((await call(product, direct, token)).status).toBe(200);
  await page.goto(`${groups}/pg-shop/edit`);
  await page.getByLabel("Block direct access to members").check();
  await expect(page.getByText("Callers of 1 member in production (pg-stock)")).toBeVisible();
  await page.getByRole("button", { name: "Save", exact: true }).last().click();
  await expect(page.getByText("pg-shop was saved. Redeploy it to production")).toBeVisible();
  await page.goto(`${groups}/pg-shop/compare`);
  await expect(page.getByText("Calls at their own addresses")).toBeVisible();
  await accessible(page);
  await picture(page, "proxygroup-compare");
  expect((await call(product, direct, token)).status).toBe(200); // not deployed yet
  await deploy(page, product, "pg-shop", "proxy-groups");
  const refused = await call(product, direct, token);
  expect([refused.status, refused.body.message]).toEqual([403, "This API is not open at this address."]);
  expect((await call(product, "/pg-shop/pg-stock/1", token)).status).toBe(200);

  // What goes with it is said before it is deleted.
  await page.goto(`${product.console}/projects/Default/proxies/pg-stock`);
  await expect(page.getByRole("link", { name: "pg-shop" })).toBeVisible();
  await page.goto(`${product.console}/projects/Default/proxies/pg-stock/delete`);
  await expect(
    page.getByText("It leaves the proxy group pg-shop, which goes on with it in production"),
  ).toBeVisible();
  await page.goto(groups);
  await accessible(page);
  await picture(page, "proxygroups");
  await page.goto(`${groups}/pg-shop/delete`);
  await expect(page.getByText("5 API proxies stay as they are")).toBeVisible();
  await expect(page.getByText("1 policy group is detached and kept")).toBeVisible();
  await accessible(page);
  await page.locator("input[name=confirm]").fill("pg-shop");
  await page.getByRole("button", { name: "Delete proxy group" }).click();
  await expect(page.getByText("pg-shop was deleted.")).toBeVisible();
  expect((await call(product, "/pg-shop/pg-stock/1", token)).status).toBe(404);
  api.close();
});
