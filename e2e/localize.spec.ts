// A global policy gets a copy of its own in one place; the others keep it, at the gateway too.
import type { Page } from "@playwright/test";
import { accessible, expect, picture, test } from "./fixtures.ts";
import { clientToken, upstream } from "./steps.ts";

const name = "localize-standard";

/** A proxy with the global policy, deployed; its key pair comes back. */
async function guarded(page: Page, console: string, proxy: string, url: string) {
  await page.goto(`${console}/projects/Default/new/proxies`);
  await page.locator("input[name=name]").fill(proxy);
  await page.locator("input[name=basePath]").fill(`/${proxy}`);
  await page.locator("input[name=upstreamUrl]").fill(url);
  await page.getByRole("button", { name: /^Create/ }).click();
  await expect(page.getByText("Copy the client secret now")).toBeVisible();
  const pair = await page.locator("code").allInnerTexts();
  const id = pair.find((t) => /^[0-9a-f-]{36}$/.test(t)) ?? "";
  const secret = pair.find((t) => /^[\w-]{40,}$/.test(t)) ?? "";
  await page.goto(`${console}/projects/Default/proxies/${proxy}/develop`);
  await page.getByRole("link", { name: "Add policy to the request lane" }).click();
  await page.getByRole("button", { name: `Add ${name}` }).click();
  await expect(page.getByRole("link", { name })).toBeVisible();
  await deploy(page, console, proxy);
  return { id, secret };
}

async function deploy(page: Page, console: string, proxy: string): Promise<void> {
  await page.goto(`${console}/projects/Default/proxies/${proxy}/deploy/production`);
  await page
    .getByRole("button", { name: /^(Deploy|Redeploy)/ })
    .last()
    .click();
  await expect(page.getByText("Taken over by 1 gateway node.")).toBeVisible();
}

test("a policy is localized in one place, and the others keep the global one", async ({
  signedIn: page,
  product,
}) => {
  const api = await upstream();
  await page.goto(`${product.console}/projects/Default/new/policies/policy-auth-jwt`);
  await page.locator("input[name=name]").fill(name);
  await page.getByLabel("Add Client Info to Header").check();
  await page.getByRole("button", { name: "Create policy" }).click();
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
  const proxies = ["localize-one", "localize-two"] as const;
  const one = await guarded(page, product.console, proxies[0], api.url);
  const two = await guarded(page, product.console, proxies[1], api.url);

  // From the flow, in a dialog, with the keyboard.
  await page.goto(`${product.console}/projects/Default/proxies/${proxies[0]}/develop`);
  await page.getByRole("link", { name }).first().click();
  await page.getByRole("link", { name: "Localize", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("also where it is bound in 1 other place");
  await accessible(page);
  await picture(page, "localize");
  const field = dialog.locator("input[name=name]");
  await expect(field).toHaveValue(name);
  await field.fill("localize-own");
  await field.press("Enter");
  await expect(page.getByText("of its own now, localize-own")).toBeVisible();

  // The copy hands the identity on under another name.
  await page.getByRole("link", { name: "localize-own" }).click();
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await page.locator("input[name=userHeaderName]").fill("X-Own-User");
  await page.getByRole("button", { name: /^Save/ }).click();
  await expect(page.getByText("localize-own was saved.")).toBeVisible();

  const seen = async (proxy: string, client: { id: string; secret: string }) => {
    const token = (await clientToken(product, client)).body.access_token;
    const answer = await fetch(`${product.gateway}/${proxy}/1`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    expect(answer.status).toBe(200);
    const { headers } = await answer.json();
    return ["x-authenticated-userid", "x-own-user"].filter((h) => headers[h] === client.id);
  };
  expect(await seen(proxies[0], one)).toEqual(["x-authenticated-userid"]); // not deployed yet
  await deploy(page, product.console, proxies[0]);
  expect(await seen(proxies[0], one)).toEqual(["x-own-user"]);
  expect(await seen(proxies[1], two)).toEqual(["x-authenticated-userid"]);

  // The other proxy needs no redeploy, and the global policy's page offers the place that is left.
  await page.goto(`${product.console}/projects/Default/policies/policy-auth-jwt/${name}`);
  await expect(page.getByRole("link", { name: /^Localize in/ })).toHaveCount(1);
  await expect(page.getByRole("link", { name: `Localize in ${proxies[1]}, All endpoints` })).toBeVisible();
  await accessible(page);
  await picture(page, "policy-localize");

  // Deleting it while it is in use says what that touches, and nothing that runs changes before the next deploy.
  await page.goto(`${product.console}/projects/Default/policies/policy-auth-jwt/${name}/delete`);
  const question = page.locator("form.Confirm");
  await expect(question).toContainText(`It is removed from 1 API proxy: ${proxies[1]}.`);
  await accessible(page);
  await picture(page, "policy-delete-used");
  await expect(question.getByRole("button", { name: "Delete policy" })).toBeDisabled(); // the name is not typed
  await question.locator("input[name=confirm]").fill(name);
  await question.getByRole("button", { name: "Delete policy" }).click();
  await expect(page.getByText("was deleted").first()).toBeVisible();
  expect(await seen(proxies[1], two)).toEqual(["x-authenticated-userid"]);
  expect(await seen(proxies[0], one)).toEqual(["x-own-user"]);
  await page.goto(`${product.console}/projects/Default/proxies/${proxies[1]}`);
  await expect(page.getByText("Redeploy required").first()).toBeVisible();
  await deploy(page, product.console, proxies[1]);
  expect((await fetch(`${product.gateway}/${proxies[1]}/1`)).status).toBe(200);
});
