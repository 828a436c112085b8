// What a person does with a global policy, from the menu to its deletion.
import { accessible, expect, picture, test } from "./fixtures.ts";

const type = "policy-auth-jwt";

// A product of its own: the first journey begins in an empty project, which others fill.
test.use({ flags: ["--log-level=error"] });

test("a policy is created, viewed, edited, switched and deleted", async ({ signedIn: page, product }) => {
  await page.goto(`${product.console}/projects/Default/proxies`);
  const menu = page.getByRole("navigation", { name: /menu|main/i }).first();
  await menu.getByRole("link", { name: "JWT Authentication" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("JWT Authentication");
  await expect(page.getByText("No JWT Authentication policy yet")).toBeVisible();
  await accessible(page);
  await picture(page, "policies-empty");
  await page.getByRole("link", { name: "Create policy" }).click();

  // The form, all at once wrong: every fault is said and nothing typed is lost.
  const name = page.locator("input[name=name]");
  await name.fill(" leading blank");
  await page.locator("textarea[name=description]").fill("Tokens for the partners.");
  await expect(page.getByText("24 / 1000")).toBeVisible();
  await page.locator("input[name=tokenExpiresInAmount]").fill("soon");
  await page.getByRole("button", { name: "Create policy" }).click();
  await expect(page.getByRole("alert").first()).toBeVisible();
  await expect(name).toHaveValue(" leading blank");
  await expect(name).toHaveAttribute("aria-invalid", "true");
  await expect(page.locator("input[name=tokenExpiresInAmount]")).toHaveValue("soon");
  await expect(page.locator("textarea[name=description]")).toHaveValue("Tokens for the partners.");
  await accessible(page);
  await picture(page, "policy-wrong");

  await name.fill("Partners İstanbul <b>");
  await expect(page.getByText("Available")).toBeVisible();
  await page.locator("input[name=tokenExpiresInAmount]").fill("30");
  await page.locator("select[name=jwtSignatureAlgorithm]").selectOption("ES256");
  await page.getByLabel("Clear Authentication Data").check();
  await page.getByLabel("Add Client Info to Header").check();
  await page.locator("input[name=userHeaderName]").fill("X-Partner");
  await page.getByRole("button", { name: "Create policy" }).click();

  // Its page.
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Partners İstanbul <b>");
  await expect(page.getByText("X-Partner")).toBeVisible();
  await expect(page.getByText("30 minutes")).toBeVisible();
  await accessible(page);
  await picture(page, "policy-view");

  // Edited.
  await page.getByRole("link", { name: "Edit" }).first().click();
  await page.locator("input[name=tokenExpiresInAmount]").fill("45");
  await page.getByRole("button", { name: /^Save/ }).click();
  await expect(page.getByText("45 minutes")).toBeVisible();

  // Switched in the row, passive and active again.
  await page.goto(`${product.console}/projects/Default/policies/${type}`);
  const row = page.getByRole("row", { name: /Partners/ });
  await row.getByRole("switch").click();
  await expect(row.getByRole("switch")).toHaveAttribute("aria-checked", "false");
  await page.reload();
  await expect(row.getByRole("switch")).toHaveAttribute("aria-checked", "false");
  await row.getByRole("switch").click();
  await expect(row.getByRole("switch")).toHaveAttribute("aria-checked", "true");

  // A name that only differs in letter case is taken.
  await page.goto(`${product.console}/projects/Default/new/policies/${type}`);
  await page.locator("input[name=name]").fill("PARTNERS İSTANBUL <B>");
  await expect(page.locator("#f-name-check, [data-check-result], .Field-check").first()).toContainText(
    /already|taken|exists/i,
  );

  // Deleted.
  await page.goto(`${product.console}/projects/Default/policies/${type}`);
  await row.getByRole("button", { name: /Actions for/ }).click();
  await page
    .getByRole("menuitem", { name: "Delete" })
    .or(page.getByRole("link", { name: "Delete" }))
    .first()
    .click();
  await page.getByRole("button", { name: "Delete policy" }).click();
  await expect(page.getByText("was deleted").first()).toBeVisible();
  await expect(page.getByText("No JWT Authentication policy yet")).toBeVisible();
});

test("two people save the same policy: the second sees both sides and loses nothing", async ({
  signedIn: page,
  product,
  browser,
}) => {
  const form = `${product.console}/projects/Demo/new/policies/${type}`;
  await page.goto(form);
  await page.locator("input[name=name]").fill("contested");
  await page.getByRole("button", { name: "Create policy" }).click();
  await page.getByRole("link", { name: "Edit" }).first().click();
  await page.locator("textarea[name=description]").fill("Mine.");

  const other = await (
    await browser.newContext({ storageState: await page.context().storageState() })
  ).newPage();
  await other.goto(`${product.console}/projects/Demo/policies/${type}/contested/edit`);
  await other.locator("textarea[name=description]").fill("Theirs.");
  await other.getByRole("button", { name: /^Save/ }).click();
  await expect(other).toHaveURL(/contested$/);

  await page.getByRole("button", { name: /^Save/ }).click();
  await expect(page.getByRole("cell", { name: "Theirs." })).toBeVisible();
  await expect(page.getByRole("cell", { name: "Mine." })).toBeVisible();
  await expect(page.locator("textarea[name=description]")).toHaveValue("Mine.");
  await accessible(page);
  await picture(page, "policy-conflict");
  await page.getByRole("button", { name: "Keep mine" }).first().click();
  await expect(page).toHaveURL(/contested$/);
  await expect(page.getByText("Mine.").first()).toBeVisible();

  // Deleted while open elsewhere: what was typed can be created again.
  await other.goto(`${product.console}/projects/Demo/policies/${type}/contested/edit`);
  await page.goto(`${product.console}/projects/Demo/policies/${type}/contested/delete`);
  await page.getByRole("button", { name: "Delete policy" }).click();
  await expect(page.getByText("was deleted").first()).toBeVisible();
  await other.locator("textarea[name=description]").fill("Still here.");
  await other.getByRole("button", { name: /^Save/ }).click();
  await expect(other.getByText("was deleted by admin while you were editing it")).toBeVisible();
  await expect(other.locator("textarea[name=description]")).toHaveValue("Still here.");
  await other.getByRole("button", { name: "Create it again" }).click();
  await expect(other.getByText("Still here.").first()).toBeVisible();
  await other.context().close();
});

test("a session that ends in the middle of a form keeps what was typed", async ({
  signedIn: page,
  product,
}) => {
  await page.goto(`${product.console}/projects/Demo/new/policies/${type}`);
  await page.locator("input[name=name]").fill("outlives the session");
  await expect(page.getByText("Available")).toBeVisible(); // the last request of the living session
  await page.context().clearCookies();
  await page.getByRole("button", { name: "Create policy" }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await expect(page.locator("input[name=name]")).toHaveValue("outlives the session");
});

test("without JavaScript the same form goes through a lost session and is sent again", async ({
  browser,
  product,
}) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  const signIn = async () => {
    await page.locator("input[name=name]").fill("admin");
    await page.locator("input[name=password]").fill(product.password);
    await page.getByRole("button", { name: "Sign in" }).click();
  };
  await page.goto(`${product.console}/sign-in`);
  await signIn();
  await page.goto(`${product.console}/projects/Demo/new/policies/${type}`);
  await page.locator("input[name=name]").fill("plain html");
  await page.locator("textarea[name=description]").fill("Typed before the session ended.");
  await context.clearCookies();
  await page.getByRole("button", { name: "Create policy" }).click();
  await expect(page.getByText("Your session ended")).toBeVisible();
  await signIn();
  await page.getByRole("button", { name: "Send the form" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("plain html");
  await expect(page.getByText("Typed before the session ended.").first()).toBeVisible();
  await context.close();
});
