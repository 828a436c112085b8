// A policy group guards two proxies; its own key pair opens both and nothing else; its policies are switched together.
import type { Page } from "@playwright/test";
import { accessible, expect, picture, test } from "./fixtures.ts";
import type { Product } from "./product.ts";
import { call, clientToken, createProxy, guard, type Pair, upstream } from "./steps.ts";

const type = "policy-auth-jwt";
const group = "journey-access";
const policy = "journey-company";
const proxies = ["journey-one", "journey-two"] as const;
const stranger = "journey-three";

/** live deploys or redeploys what stands at the address. */
async function live(page: Page, product: Product, kind: string, name: string): Promise<void> {
  await page.goto(`${product.console}/projects/Default/${kind}/${name}/deploy/production`);
  await page
    .getByRole("button", { name: /^(Deploy|Redeploy)/ })
    .last()
    .click();
  await expect(page.getByText("Taken over by 1 gateway node.")).toBeVisible();
}

/** create makes the group by its form and reads the key pair that is shown this once. */
async function create(page: Page, product: Product): Promise<Pair> {
  await page.goto(`${product.console}/projects/Default/policy-groups`);
  await page.getByRole("link", { name: /^Create/ }).click();
  await page.locator("input[name=name]").fill(group);
  await expect(page.getByText("Available")).toBeVisible();
  await accessible(page);
  await picture(page, "policy-group-new");
  await page.getByRole("button", { name: "Create policy group" }).click();
  await expect(page.getByText("Copy the client secret now")).toBeVisible();
  const [id, secret] = await page.locator(".CopyText code").allInnerTexts();
  return { id: id ?? "", secret: secret ?? "" };
}

test("a policy group guards two proxies, and is switched as a whole", async ({ signedIn: page, product }) => {
  const api = await upstream();
  await page.goto(`${product.console}/projects/Default/new/policies/${type}`);
  await page.locator("input[name=name]").fill(policy);
  await page.getByRole("button", { name: "Create policy" }).click();
  await expect(page.getByRole("heading", { level: 1, name: policy })).toBeVisible();

  // Two policies: a global one that is chosen, and one of the group's own.
  const pair = await create(page, product);
  const at = `${product.console}/projects/Default/policy-groups/${group}`;
  await page.goto(at);
  await page.getByRole("link", { name: "Add policy", exact: true }).click();
  await page.getByRole("button", { name: `Add ${policy}` }).click();
  await expect(page.getByRole("link", { name: policy })).toBeVisible();
  await page.goto(`${at}/bindings/new/${type}?pipeline=REQUEST`);
  await page.locator("form.Form [name=name]").fill("journey-own");
  await accessible(page);
  await page.locator("[data-save]").click();
  await expect(page.getByRole("link", { name: "journey-own" })).toBeVisible();

  // Bound in two proxies; a third has a policy of its own.
  for (const name of [...proxies, stranger]) await createProxy(page, product, name, api.url);
  for (const name of proxies) {
    await page.goto(`${product.console}/projects/Default/proxies/${name}/develop`);
    await page.getByRole("link", { name: "Add policy group to the request lane" }).click();
    await page.getByRole("button", { name: `Add ${group}` }).click();
    await expect(page.getByText(`${group} was added`)).toBeVisible();
    await live(page, product, "proxies", name);
  }
  await guard(page, product, stranger, async () => {});
  await live(page, product, "proxies", stranger);

  const status = async (name: string, token: string) => (await call(product, `/${name}/x`, token)).status;
  const all = async (token: string) => Promise.all([...proxies, stranger].map((name) => status(name, token)));
  const early = await clientToken(product, pair);
  expect(early.status, "the group itself is not deployed yet").toBe(401);
  await live(page, product, "policy-groups", group);
  const token = (await clientToken(product, pair)).body.access_token;
  expect(await all(token)).toEqual([200, 200, 401]);
  expect(await all("nothing")).toEqual([401, 401, 401]);

  await page.goto(at);
  await expect(page.getByRole("table", { name: `Where ${group} is used` }).getByRole("row")).toHaveCount(3);
  await accessible(page);
  await picture(page, "policy-group");
  for (const part of ["edit", "delete", "develop", "duplicate"]) {
    await page.goto(`${at}/${part}`);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await accessible(page);
    await picture(page, `policy-group-${part}`);
  }

  // Switched off as a whole, with what others use too only when that is ticked.
  await page.goto(`${at}/develop`);
  await page.getByRole("button", { name: "Actions for the request lane" }).click();
  await page.getByRole("link", { name: "Disable all" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("1 policy of this policy group alone: journey-own");
  await expect(dialog.getByLabel("Disable these too")).not.toBeChecked();
  await accessible(page);
  await picture(page, "policy-group-disable-all");
  await dialog.getByLabel("Disable these too").check();
  await dialog.getByRole("button", { name: "Disable all" }).click();
  await expect(page.getByText("2 are passive now")).toBeVisible();
  expect(await all("nothing"), "nothing deployed changes").toEqual([401, 401, 401]);
  for (const name of proxies) await live(page, product, "proxies", name);
  expect(await all("nothing")).toEqual([200, 200, 401]);

  // Passive in the list: it is live, so its name is asked for.
  await page.goto(`${product.console}/projects/Default/policy-groups?q=${group}`);
  await accessible(page);
  await picture(page, "policy-groups");
  await page.getByRole("switch", { name: `${group} active` }).click();
  await expect(page.getByRole("heading", { name: `Make policy group ${group} passive?` })).toBeVisible();
  await accessible(page);
  await picture(page, "policy-group-passive");
  await page.locator("input[name=confirm]").fill(group);
  await page.getByRole("button", { name: "Deactivate" }).click();
  await expect(page.getByText(`${group} is passive now.`)).toBeVisible();
  await expect(page.getByRole("switch", { name: `${group} active` })).not.toBeChecked();

  await page.keyboard.press("/");
  await page.getByRole("combobox", { name: "Search and go to" }).fill("journey-acc");
  await expect(page.getByRole("option", { name: new RegExp(group) }).first()).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toContainText(group);
  api.close();
});

test("a proxy and a policy group are duplicated", async ({ signedIn: page, product }) => {
  await page.goto(`${product.console}/projects/Demo/proxies`);
  await page.getByRole("button", { name: "Actions for echo" }).click();
  await page.getByRole("link", { name: "Duplicate" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.locator("input[name=name]")).toHaveValue("echo (Copy)");
  await expect(dialog.locator("input[name=basePath]")).toHaveValue("/echo-copy");
  await accessible(page);
  await picture(page, "proxy-duplicate");
  await dialog.locator("input[name=name]").fill("echo again");
  await dialog.locator("input[name=basePath]").fill("/echo-again");
  await dialog.getByRole("button", { name: "Duplicate" }).click();
  await expect(page.getByText("Copy the client secret now")).toBeVisible();
  await page.goto(`${product.console}/projects/Demo/proxies/echo%20again/develop`);
  await expect(page.getByRole("link", { name: "demo-jwt" })).toBeVisible();

  await page.goto(`${product.console}/projects/Demo/new/policy-groups`);
  await page.locator("input[name=name]").fill("masks");
  await page.getByRole("button", { name: "Create policy group" }).click();
  await expect(page.getByText("Copy the client secret now")).toBeVisible();
  await page.goto(`${product.console}/projects/Demo/policy-groups/masks/duplicate`);
  await accessible(page);
  await page.getByRole("button", { name: "Duplicate" }).click();
  await expect(page.getByRole("heading", { name: "masks (Copy) was created" })).toBeVisible();
});
