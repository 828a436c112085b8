// Headers of answers are changed in the response lane, those of refusals in the error lane; programs outside see it.
import { accessible, expect, picture, test } from "./fixtures.ts";
import { clientToken, createProxy, deploy, guard, upstream } from "./steps.ts";

const proxy = "veiled";

test("headers of answers and of refusals are changed", async ({ signedIn: page, product }) => {
  const api = await upstream();
  const pair = await createProxy(page, product, proxy, api.url);
  const develop = `${product.console}/projects/Default/proxies/${proxy}/develop`;
  await guard(page, product, proxy, async (field) => {
    await field("addUserToHeader").check();
  });

  // The lanes offer what can go there, and nothing else.
  await page.goto(develop);
  await page
    .locator("#lane-response")
    .getByRole("link", { name: /^Add policy to/ })
    .click();
  await expect(page.locator("a[href*='bindings/new/policy-headers']")).toBeVisible();
  await expect(page.locator("a[href*='bindings/new/policy-auth-jwt']")).toHaveCount(0);
  const chooser = `${product.console}/projects/Default/proxies/${proxy}/bindings/new/policy-headers`;
  const field = (name: string) => page.locator(`form.Form [name="${name}"]`);
  const add = async (i: number) => {
    await page.getByRole("button", { name: "Add change" }).click();
    await expect(field(`changes[${i}].name`)).toBeFocused();
  };

  await page.goto(`${chooser}?pipeline=RESPONSE`);
  await field("name").fill("hide-backend");
  await field("changes[0].action").selectOption("REMOVE");
  await field("changes[0].name").fill("Content-Type");
  await expect(field("changes[0].value")).toBeHidden();
  await add(1);
  await field("changes[1].name").fill("X-Answered");
  await field("changes[1].source").selectOption("CONTEXT_VALUES");
  await expect(field("changes[1].value")).toBeHidden();
  await field("changes[1].context").selectOption("RESPONSE_STATUS_CODE");
  await add(2);
  await field("changes[2].name").fill("Strict-Transport-Security");
  await field("changes[2].value").fill("max-age=31536000");
  await accessible(page);
  await picture(page, "headers-form");

  // What belongs to HTTP is refused where it stands, and nothing typed is lost.
  await page.locator("[data-save]").click();
  await expect(page.locator("[data-problems]")).toBeVisible();
  await expect(page.locator("#f-changes-0--name")).toBeFocused();
  await expect(field("changes[2].value")).toHaveValue("max-age=31536000");
  await field("changes[0].name").fill("X-Powered-By");
  await page.getByRole("button", { name: "Move down change 1" }).click();
  await expect(field("changes[1].name")).toHaveValue("X-Powered-By");
  await page.locator("[data-save]").click();
  await expect(page.locator("#lane-response").getByRole("link", { name: "hide-backend" })).toBeVisible();

  await page.goto(`${chooser}?pipeline=ERROR`);
  await field("name").fill("say-where");
  await field("changes[0].name").fill("X-Refused-With");
  await field("changes[0].source").selectOption("CONTEXT_VALUES");
  await field("changes[0].context").selectOption("RESPONSE_STATUS_CODE");
  await page.locator("[data-save]").click();
  await expect(page.locator("#lane-error").getByRole("link", { name: "say-where" })).toBeVisible();

  // Who writes the caller's identity into a header does not get it past the JWT policy.
  await page.goto(`${chooser}?pipeline=REQUEST`);
  await field("name").fill("forge");
  await field("changes[0].name").fill("X-Authenticated-UserId");
  await field("changes[0].value").fill("root");
  await add(1);
  await field("changes[1].name").fill("X-Version");
  await field("changes[1].value").fill("2");
  await page.locator("[data-save]").click();
  await expect(page.locator("#lane-request").getByRole("link", { name: "forge" })).toBeVisible();
  await accessible(page);
  await picture(page, "headers-lanes");
  await deploy(page, product, proxy);

  const token = (await clientToken(product, pair)).body.access_token;
  const answered = await fetch(`${product.gateway}/${proxy}/7`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  expect(answered.status).toBe(200);
  expect(answered.headers.get("x-powered-by")).toBeNull();
  expect(answered.headers.get("x-answered")).toBe("200");
  expect(answered.headers.get("strict-transport-security")).toBe("max-age=31536000");
  expect(answered.headers.get("x-refused-with")).toBeNull();
  const arrived = (await answered.json()).headers;
  expect(arrived["x-authenticated-userid"]).toBe(pair.id);
  expect(arrived["x-version"]).toBe("2");

  const refused = await fetch(`${product.gateway}/${proxy}/7`);
  expect(refused.status).toBe(401);
  expect(refused.headers.get("x-refused-with")).toBe("401");
  expect(refused.headers.get("x-answered")).toBeNull();
  api.close();
  const dead = await fetch(`${product.gateway}/${proxy}/7`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  expect(dead.headers.get("x-refused-with")).toBe(String(dead.status));
});
