// The whole form of the JWT policy, as somebody who sets up a sign-in fills it in.
import { accessible, expect, picture, test } from "./fixtures.ts";

const type = "policy-auth-jwt";

test("a policy for users with roles is filled in", async ({ signedIn: page, product }) => {
  await page.goto(`${product.console}/projects/Default/new/policies/${type}`);
  const field = (name: string) => page.locator(`#policy-form [name="${name}"]`);
  const service = page.locator("[data-chooser]", { has: page.locator("[name=authenticationType]") });
  await field("name").fill("Users and roles");

  // What depends on a choice comes and goes with it, and what was typed stays.
  await expect(field("credentialClients")).toBeVisible();
  await expect(service).toBeHidden();
  await page.getByRole("radio", { name: /PASSWORD/ }).check();
  await expect(field("credentialClients")).toBeHidden();
  await expect(service.locator("[data-words]")).toHaveText("Secret Manager");
  await field("checkClientIpAddress").check();

  // The service is chosen in a dialog.
  await service.getByRole("button", { name: /^Choose/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("radio", { name: "LDAP" }).check();
  await expect(dialog.getByText("No such identity source.")).toBeVisible();
  await expect(dialog.getByRole("link", { name: "Add new" })).toBeVisible();
  await accessible(page);
  await dialog.getByRole("button", { name: "Close" }).last().click();
  await expect(service.locator("[data-words]")).toHaveText("LDAP: not chosen");
  await expect(field("checkClientIpAddress")).toBeHidden();
  await service.getByRole("button", { name: /^Remove/ }).click();
  await expect(service.locator("[data-words]")).toHaveText("Not chosen");

  // Nothing chosen is refused, and nothing typed is lost.
  await field("authorization.enableAuthorization").check();
  await field("authorization.credentialRoleNameList").fill("clerk, staff");
  await field("authorization.enableMethodAccess").check();
  await page.getByRole("button", { name: "Create policy" }).click();
  await expect(page.locator("[data-problems]")).toContainText("Choose where users are checked.");
  await page.locator("[data-problems] a").first().click();
  await expect(field("authorization.credentialRoleNameList")).toHaveValue("clerk, staff");
  await service.getByRole("button", { name: /^Choose/ }).click();
  await dialog.getByRole("radio", { name: "Secret Manager" }).check();
  await page.keyboard.press("Escape");
  await expect(field("checkClientIpAddress")).toBeChecked();

  // A row for one endpoint.
  await page.getByRole("button", { name: "Add endpoint" }).click();
  const row = "authorization.policyAuthorizationMethodDefList[0]";
  await field(`${row}.endpoint`).fill("/orders/{id}");
  await field(`${row}.httpMethod`).selectOption("DELETE");
  await field(`${row}.credentialRoleNameList`).fill("boss");
  await accessible(page);
  await picture(page, "jwt-form");
  await page.getByRole("button", { name: "Create policy" }).click();

  await expect(page.getByRole("heading", { level: 1 })).toContainText("Users and roles");
  for (const text of ["Any of clerk, staff", "DELETE /orders/{id}", "ENABLED"])
    await expect(page.getByText(text)).toBeVisible();

  // The form shows what was saved, and leaves it alone.
  await page.getByRole("link", { name: "Edit" }).first().click();
  await expect(field(`${row}.credentialRoleNameList`)).toHaveValue("boss");
  await expect(page.locator("[data-changes]")).toHaveText("");
  await field("managedFromThisPolicy").uncheck();
  await expect(page.getByText("Access is managed by credentials")).toBeVisible();
  await expect(field("tokenExpiresInAmount")).toBeHidden();
  await field("managedFromThisPolicy").check();
  await expect(field("tokenExpiresInAmount")).toHaveValue("15");
  await expect(page.locator("[data-changes]")).toHaveText("");
});

test("the form works without JavaScript", async ({ browser, product, page, signedIn }) => {
  await signedIn.goto(product.console);
  const plain = await browser.newContext({
    javaScriptEnabled: false,
    storageState: await page.context().storageState(),
  });
  const bare = await plain.newPage();
  await bare.goto(`${product.console}/projects/Default/new/policies/${type}`);
  await bare.locator("[name=name]").fill("By hand");
  await bare.getByRole("radio", { name: /PASSWORD/ }).check();
  await bare.locator("[name=authenticationType]").selectOption("SECRET_MANAGER");
  await bare.locator('[name="authorization.enableAuthorization"]').check();
  await bare.locator('[name="authorization.credentialRoleNameList"]').fill("clerk");
  await bare.getByRole("button", { name: "Create policy" }).click();
  await expect(bare.getByRole("heading", { level: 1 })).toContainText("By hand");
  await expect(bare.getByText("Secret Manager", { exact: true })).toBeVisible();
  await plain.close();
});
