// Forms of identity sources come back in many ways before they are saved. What
// was typed stays, secrets too, and no secret is ever in a page.
import { accessible, expect, picture, test } from "./fixtures.ts";

const secret = "correct horse battery";

test("a secret that was typed stays while its form is drawn anew", async ({ signedIn: page, product }) => {
  await page.goto(`${product.console}/projects/Demo/new/identity-sources/LDAP`);
  const field = (name: string) => page.locator(`#identity-source-form [name="${name}"]`);
  await field("secret:bindPassword").fill(secret);
  await field("test:password").fill("of somebody");
  const kept = async () => {
    await expect(field("secret:bindPassword")).toHaveValue(secret);
    await expect(field("test:password")).toHaveValue("of somebody");
    await expect(page.locator('[name^="held:"]')).toHaveCount(0);
  };

  await page.getByRole("button", { name: "Active Directory" }).click();
  await expect(field("loginAttribute")).toHaveValue("sAMAccountName");
  await kept();
  await page.getByRole("button", { name: "Add server" }).click();
  await expect(field("servers[1]")).toBeVisible();
  await kept();
  await page.locator("[data-save]").click();
  await expect(field("name")).toBeFocused();
  await kept();
  await field("name").fill("Kept directory");
  await page.locator("[data-save]").click();
  await expect(field("servers[0]")).toBeFocused();
  await kept();
  await accessible(page);
  await picture(page, "identity-source-refused");

  await field("servers[0]").fill("ldaps://ldap.example.com");
  await field("userBaseDn").fill("ou=people,dc=example,dc=com");
  await field("bindDn").fill("cn=gateway,dc=example,dc=com");
  await page.locator("[data-save]").click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Kept directory");
  await expect(page.getByText("Bind password")).toBeVisible();
  expect(await page.content()).not.toContain(secret);
});

test("where no JavaScript runs, the page carries it sealed", async ({ signedIn: page, product, browser }) => {
  const plain = await browser.newContext({
    javaScriptEnabled: false,
    storageState: await page.context().storageState(),
  });
  const form = await plain.newPage();
  await form.goto(`${product.console}/projects/Demo/new/identity-sources/API`);
  const field = (name: string) => form.locator(`#identity-source-form [name="${name}"]`);
  await field("name").fill("Plain service");
  await field("url").fill("https://login.example.com/{{username}}");
  await field("secret:secret").fill(secret);
  await form.getByRole("button", { name: "Add header" }).click();
  await field("headers[0].name").fill("Host");
  await field("headers[0].value").fill("{{secret}}");
  await form.locator("[data-save]").click();
  await expect(form.getByRole("alert")).toContainText("Remove this header");
  await expect(form.locator("[autofocus]")).toHaveAttribute("name", "headers[0].name");
  await expect(field("secret:secret")).toHaveAttribute("placeholder", /Kept as you typed it/);
  expect(await form.content()).not.toContain(secret);
  await field("headers[0].name").fill("X-Api-Key");
  await form.locator("[data-save]").click();
  await expect(form.getByRole("heading", { level: 1 })).toContainText("Plain service");

  // Nothing of it is left for the next visit: a stored secret goes into no page.
  await form.goto(`${product.console}/projects/Demo/identity-sources/Plain%20service/edit`);
  await expect(field("secret:secret")).toHaveAttribute("placeholder", /Stored/);
  await expect(form.locator('[name^="held:"]')).toHaveCount(0);
  await plain.close();
});

test("two people save one source: the second sees both sides and keeps a typed secret", async ({
  signedIn: page,
  product,
}) => {
  const edit = `${product.console}/projects/Demo/identity-sources/Contested/edit`;
  const field = (on: typeof page, name: string) => on.locator(`#identity-source-form [name="${name}"]`);
  await page.goto(`${product.console}/projects/Demo/new/identity-sources/DATABASE`);
  await field(page, "name").fill("Contested");
  await field(page, "host").fill("db.example.com");
  await field(page, "database").fill("people");
  await field(page, "username").fill("gateway");
  await field(page, "query").fill("SELECT login, password FROM users WHERE login = :username");
  await field(page, "passwordColumn").fill("password");
  await page.locator("[data-save]").click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Contested");

  await page.goto(edit);
  await field(page, "secret:password").fill(secret);
  await field(page, "description").fill("Mine.");
  const other = await page.context().newPage();
  await other.goto(edit);
  await field(other, "description").fill("Theirs.");
  await other.locator("[data-save]").click();
  await expect(other).toHaveURL(/Contested$/);

  const answer = page.waitForResponse((r) => r.request().method() === "POST" && r.url() === edit);
  await page.locator("[data-save]").click();
  expect((await answer).status()).toBe(409);
  await expect(page.getByRole("cell", { name: "Theirs." })).toBeVisible();
  await expect(field(page, "secret:password")).toHaveValue(secret);
  await picture(page, "identity-source-conflict");
  await page.getByRole("button", { name: "Keep mine" }).first().click();
  await expect(page).toHaveURL(/Contested$/);
  await expect(page.getByText("Mine.").first()).toBeVisible();
});
