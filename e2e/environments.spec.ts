// A second environment from its creation to its end: served by a node of its own, with the same proxy, other keys, and
// tokens that are good in one of the two only.
import type { Page } from "@playwright/test";
import { accessible, expect, picture, signIn, test } from "./fixtures.ts";
import { Product } from "./product.ts";
import { claims, createProxy, fits, guard, type Pair, serve, upstream } from "./steps.ts";

/** sound looks at the page with axe, keeps pictures of it, and sees that it fits on a phone. */
async function sound(page: Page, name: string): Promise<void> {
  await accessible(page);
  await picture(page, name);
  await fits(page);
}

async function deployTo(page: Page, product: Product, proxy: string, environment: string): Promise<void> {
  await page.goto(`${product.console}/projects/Default/proxies/${proxy}/deploy/${environment}`);
  await page
    .getByRole("button", { name: /^Deploy/ })
    .last()
    .click();
  await expect(page.getByText("Taken over by 1 gateway node.")).toBeVisible();
}

/** token asks one of the gateways for a token of a client. */
async function token(gateway: string, pair: Pair): Promise<string> {
  const answer = await fetch(`${gateway}/auth/jwt`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: pair.id,
      client_secret: pair.secret,
    }),
  });
  expect(answer.status).toBe(200);
  return (await answer.json()).access_token;
}

/** call is how one of the gateways answers a token at the proxy. */
async function call(gateway: string, bearer: string): Promise<number> {
  const answer = await fetch(`${gateway}/twice/7`, { headers: { Authorization: `Bearer ${bearer}` } });
  return answer.status;
}

test("an environment is created, served, moved and deleted", async ({ signedIn: page, product }) => {
  const api = await upstream();
  const pair = await createProxy(page, product, "twice", api.url);
  await guard(page, product, "twice", async () => {});
  await deployTo(page, product, "twice", "production");

  await page.goto(`${product.console}/environments`);
  await page.getByRole("link", { name: "Create environment" }).click();
  await expect(page.locator("input[name=name]")).toBeFocused();
  await page.keyboard.type("Production");
  await expect(page.getByText("There is an environment of this name.")).toBeVisible();
  await page.keyboard.press("Control+s");
  await expect(page.getByRole("alert")).toContainText("2 things need attention");
  await expect(page.locator("input[name=name]")).toBeFocused();
  await sound(page, "environment-refused");
  await page.locator("input[name=name]").fill("staging");
  await expect(page.getByText("Available")).toBeVisible();
  await page.locator("input[name=publicUrl]").fill("https://staging.example.com");
  await page.getByLabel("Violet").check();
  await page.getByRole("button", { name: "Create environment" }).click();

  // Nobody serves it yet. Its page says how, and sees by itself when a node does.
  await expect(page.getByText("No gateway node serves staging")).toBeVisible();
  await expect(page.locator(".Top--violet")).toBeVisible();
  await expect(page.getByText("gatewright gateway --gateway staging=:8083")).toBeVisible();
  await sound(page, "environment-unserved");
  const node = await serve(product, "staging");
  await expect(page.getByText("Served by 1 node")).toBeVisible();
  await expect(page.getByRole("row", { name: /Up to date/ })).toBeVisible();

  // The same proxy in both: one client, two issuers, two keys.
  await deployTo(page, product, "twice", "staging");
  const ofProduction = await token(product.gateway, pair);
  const ofStaging = await token(node.url, pair);
  expect(claims(ofStaging).iss).toBe("https://staging.example.com");
  expect(claims(ofProduction).aud).toEqual(claims(ofStaging).aud);
  expect(await call(product.gateway, ofProduction)).toBe(200);
  expect(await call(node.url, ofStaging)).toBe(200);
  expect(await call(product.gateway, ofStaging)).toBe(401);
  expect(await call(node.url, ofProduction)).toBe(401);

  // Another public URL ends its tokens, and only its.
  await page.goto(`${product.console}/environments/staging`);
  await expect(page.getByRole("row", { name: /twice/ })).toContainText("Live");
  await sound(page, "environment-served");
  await page.getByRole("link", { name: "Change public URL" }).first().click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("1 live token is refused from then on");
  await dialog.locator("input[name=publicUrl]").fill("https://eu.example.com");
  await expect(dialog.getByRole("button", { name: "Change public URL" })).toBeDisabled();
  await dialog.locator("input[name=confirm]").fill("staging");
  await dialog.getByRole("button", { name: "Change public URL" }).click();
  await expect(page.getByText("staging is reached at https://eu.example.com")).toBeVisible();
  await expect.poll(() => call(node.url, ofStaging)).toBe(401);
  expect(await call(product.gateway, ofProduction)).toBe(200);
  expect(await call(node.url, await token(node.url, pair))).toBe(200);

  // It goes only once nobody serves it.
  await page.goto(`${product.console}/environments`);
  await sound(page, "environments");
  await page.getByRole("button", { name: "Actions for staging" }).click();
  await page.getByRole("link", { name: "Delete" }).click();
  await expect(dialog).toContainText("staging is served by");
  await node.stop();
  await page.goto(`${product.console}/environments/staging/delete`);
  await expect(page.getByText("1 API or policy group is undeployed: twice (Default)")).toBeVisible();
  await sound(page, "environment-delete");
  await page.locator("input[name=confirm]").fill("staging");
  await page.getByRole("button", { name: "Delete environment" }).click();
  await expect(page.getByText("staging was deleted.")).toBeVisible();
  await expect(page.locator("main").getByRole("link", { name: "staging" })).toHaveCount(0);
  expect(await call(product.gateway, ofProduction)).toBe(200);
  api.close();
});

test("two environments in one process, each on its own listener", async ({ page }) => {
  const product = await Product.start({ gateway: "production=127.0.0.1:0,sandbox=127.0.0.1:0" });
  const api = await upstream();
  try {
    const sandbox = /(\S+) {2}\(sandbox\)/.exec(product.output)?.[1] ?? "";
    await signIn(page, product);
    const pair = await createProxy(page, product, "twice", api.url);
    await guard(page, product, "twice", async () => {});
    for (const name of ["production", "sandbox"]) await deployTo(page, product, "twice", name);
    const tokens = [await token(product.gateway, pair), await token(sandbox, pair)];
    const answers: number[] = [];
    const kids: string[] = [];
    for (const gateway of [product.gateway, sandbox]) {
      for (const bearer of tokens) answers.push(await call(gateway, bearer));
      const published = await (await fetch(`${gateway}/.well-known/jwks.json`)).json();
      kids.push(...published.keys.map((k: { kid: string }) => k.kid));
    }
    expect(answers).toEqual([200, 401, 401, 200]);
    expect(new Set(kids).size).toBe(2);
    await page.goto(`${product.console}/environments`);
    await expect(page.getByText("Served by 1 node")).toHaveCount(2);
  } finally {
    api.close();
    await product.remove();
  }
});

test("an environment is edited while somebody else does", async ({ signedIn: page, product }) => {
  const form = `${product.console}/environments/production/edit`;
  await page.goto(form);
  const other = await page.context().newPage();
  await other.goto(form);
  await other.locator("textarea[name=description]").fill("Theirs.");
  await other.getByRole("button", { name: "Save", exact: true }).click();
  await expect(other.getByText("production was saved.")).toBeVisible();
  await other.close();

  await page.locator("textarea[name=description]").fill("Mine.");
  await page.getByLabel("Green").check();
  await page.keyboard.press("Control+s");
  await expect(page.getByText("production was changed by admin while you were editing it")).toBeVisible();
  await expect(page.getByRole("row", { name: "Description" })).toContainText("Theirs.");
  await sound(page, "environment-conflict");
  await page.getByRole("alert").getByRole("button", { name: "Keep mine" }).click();
  await expect(page.getByText("production was saved.")).toBeVisible();
  await expect(page.locator(".Top--green")).toBeVisible();
});
