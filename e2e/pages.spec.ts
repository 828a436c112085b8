// Every page: axe finds nothing serious in light and dark, nothing is wider
// than a phone, and the keyboard gets everywhere.
import { accessible, expect, picture, signIn, test } from "./fixtures.ts";
import { Product } from "./product.ts";

const type = "policy-auth-jwt";
const pages: Record<string, string> = {
  account: "/account",
  audit: "/audit",
  "audit-filtered": "/audit?q=nothing-has-this-name",
  "not-found": "/projects/Nowhere/proxies",
  proxies: "/projects/Demo/proxies",
  "proxies-no-match": "/projects/Demo/proxies?q=nothing-has-this-name",
  "proxy-new": "/projects/Demo/new/proxies",
  "proxy-groups": "/projects/Demo/proxy-groups",
  "proxy-group-new": "/projects/Demo/new/proxy-groups",
  "proxy-overview": "/projects/Demo/proxies/echo",
  "proxy-edit": "/projects/Demo/proxies/echo/edit",
  "proxy-develop": "/projects/Demo/proxies/echo/develop",
  "proxy-choose": "/projects/Demo/proxies/echo/bindings/new?pipeline=REQUEST",
  "proxy-local": `/projects/Demo/proxies/echo/bindings/new/${type}?pipeline=REQUEST`,
  "proxy-history": "/projects/Demo/proxies/echo/history",
  "proxy-deploy": "/projects/Demo/proxies/echo/deploy/production",
  "proxy-undeploy": "/projects/Demo/proxies/echo/undeploy/production",
  "proxy-secret": "/projects/Demo/proxies/echo/secret",
  "proxy-delete": "/projects/Demo/proxies/echo/delete",
  "proxy-duplicate": "/projects/Demo/proxies/echo/duplicate",
  "proxy-disable-all": "/projects/Demo/proxies/echo/bindings/switch?pipeline=REQUEST&active=false",
  "policy-groups": "/projects/Demo/policy-groups",
  "policy-group-new": "/projects/Demo/new/policy-groups",
  policies: `/projects/Demo/policies/${type}`,
  "policy-new": `/projects/Demo/new/policies/${type}`,
  "policy-copy": `/projects/Demo/policies/${type}/demo-jwt/duplicate`,
  "policy-shown": `/projects/Demo/policies/${type}/demo-jwt`,
  "policy-edit": `/projects/Demo/policies/${type}/demo-jwt/edit`,
  "policy-delete": `/projects/Demo/policies/${type}/demo-jwt/delete`,
  "identity-sources": "/projects/Demo/identity-sources",
  "identity-source-new": "/projects/Demo/new/identity-sources",
  "identity-source-ldap": "/projects/Demo/new/identity-sources/LDAP",
  "identity-source-database": "/projects/Demo/new/identity-sources/DATABASE",
  "identity-source-api": "/projects/Demo/new/identity-sources/API",
  credentials: "/projects/Demo/credentials",
  "credential-new": "/projects/Demo/new/credentials",
  "credential-import": "/projects/Demo/import/credentials",
  roles: "/projects/Demo/roles",
  access: "/projects/Demo/access",
  "access-by-proxy": "/projects/Demo/access/by/proxy",
  "access-by-credential": "/projects/Demo/access/by/credential",
  "access-new": "/projects/Demo/new/access",
  keys: "/environments/production/keys",
  "key-new": "/environments/production/new/keys",
  "key-schedule": "/environments/production/new/key-schedule",
  "token-requests": "/token-requests",
  "token-requests-filtered": "/token-requests?outcome=refused&by=reason&q=nothing-has-this-name",
  "security-events": "/security-events",
  refusals: "/refusals",
  "refusals-unknown": "/refusals?id=nothing-has-this-id",
  logins: "/logins",
  "revoke-tokens": "/revoke-tokens",
  "token-management": "/token-management",
  "error-messages": "/error-messages",
  "error-message": "/error-messages/POLICY_AUTH_JWT_NOT_VALID",
  "error-message-reset": "/error-messages/POLICY_AUTH_JWT_NOT_VALID/reset",
  gallery: "/gallery",
};

test("the sign-in page", async ({ page, product }) => {
  await page.goto(`${product.console}/sign-in`);
  await accessible(page);
  await picture(page, "sign-in");
  await page.locator("input[name=name]").fill("admin");
  await page.locator("input[name=password]").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("The name or the password is wrong.");
  await expect(page.locator("input[name=name]")).toHaveValue("admin");
  await expect(page.locator("input[name=password]")).toHaveValue("");
  await accessible(page);
});

for (const [name, path] of Object.entries(pages)) {
  test(`page ${name}`, async ({ signedIn: page, product }) => {
    await page.goto(product.console + path);
    await expect(page.getByRole("heading", { level: 1 }).first()).toBeVisible();
    await accessible(page);
    await picture(page, `page-${name}`);
    await page.setViewportSize({ width: 390, height: 844 });
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow, "the page scrolls sideways on a phone").toBeLessThanOrEqual(0);
  });
}

test("an audit record shows what a change was", async ({ signedIn: page, product }) => {
  await page.goto(`${product.console}/audit?q=demo-jwt`);
  await page.getByRole("table").getByRole("link", { name: "demo-jwt" }).first().click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("demo-jwt");
  await expect(page.getByText("ES256").first()).toBeVisible();
  await accessible(page);
  await picture(page, "audit-record");
});

test("the command palette finds a policy by keyboard alone", async ({ signedIn: page, product }) => {
  await page.goto(`${product.console}/projects/Demo/proxies`);
  await page.keyboard.press("/");
  const search = page.getByRole("combobox", { name: "Search and go to" });
  await expect(search).toBeFocused();
  await search.fill("demo-j");
  await expect(page.getByRole("option", { name: /demo-jwt/ }).first()).toBeVisible();
  await accessible(page);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("demo-jwt");
});

test("two keys lead to the lists", async ({ signedIn: page, product }) => {
  await page.goto(`${product.console}/account`);
  await page.keyboard.press("g");
  await page.keyboard.press("p");
  await expect(page).toHaveURL(/\/proxies$/);
  await page.keyboard.press("g");
  await page.keyboard.press("j");
  await expect(page).toHaveURL(new RegExp(`/policies/${type}$`));
});

test("the password is changed, other sessions end, and signing out ends this one", async ({
  page,
  product,
  browser,
}) => {
  await signIn(page, product);
  const elsewhere = await (await browser.newContext()).newPage();
  await signIn(elsewhere, product);
  const changed = `${product.password}-2`;
  const change = async (from: string, to: string) => {
    await page.goto(`${product.console}/account`);
    await page.locator("input[name=currentPassword]").fill(from);
    await page.locator("input[name=newPassword]").fill(to);
    await page.locator("input[name=confirmPassword]").first().fill(to);
    await page.getByRole("button", { name: /Change password/ }).click();
    await expect(page.getByText(/password (was|has been) changed/i).first()).toBeVisible();
  };
  await change(product.password, changed);
  await elsewhere.goto(`${product.console}/account`);
  await expect(elsewhere).toHaveURL(/sign-in/);
  await change(changed, product.password);
  await page
    .getByRole("button", { name: /admin|user menu|account/i })
    .first()
    .click();
  await page
    .getByRole("button", { name: "Sign out" })
    .or(page.getByRole("menuitem", { name: "Sign out" }))
    .first()
    .click();
  await expect(page).toHaveURL(/sign-in/);
  await page.goto(`${product.console}/account`);
  await expect(page).toHaveURL(/sign-in/);
  await elsewhere.context().close();
});

test("the generated password is shown once and must be changed before anything else", async ({ page }) => {
  const fresh = await Product.start({ generatePassword: true });
  expect(fresh.password).toMatch(/^\S{16,}$/);
  await page.goto(`${fresh.console}/sign-in`);
  await page.locator("input[name=name]").fill("admin");
  await page.locator("input[name=password]").fill(fresh.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/account$/);
  await page.goto(`${fresh.console}/projects/Default/proxies`);
  await expect(page).toHaveURL(/\/account$/);
  await accessible(page);
  await picture(page, "first-sign-in");
  await page.locator("input[name=currentPassword]").fill(fresh.password);
  await page.locator("input[name=newPassword]").fill("eleven quiet llamas");
  await page.locator("input[name=confirmPassword]").fill("eleven quiet llamas");
  await page.getByRole("button", { name: /Change password/ }).click();
  await expect(page.getByText(/password (was|has been) changed/i).first()).toBeVisible();
  await page.goto(`${fresh.console}/projects/Default/proxies`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("API Proxies");
  await fresh.remove();
});
