// The usage scenarios of the JWT policy, each set up by hand in the console and
// then driven from outside, as its clients would.

import { Directory } from "./directory.ts";
import { accessible, expect, picture, test } from "./fixtures.ts";
import {
  ask,
  call,
  claims,
  clientToken,
  createCredential,
  createProxy,
  deploy,
  guard,
  type Upstream,
  upstream,
} from "./steps.ts";

// The demonstration directory and API are on the loopback, where sources may not go by themselves.
test.use({ flags: ["--identity-targets=127.0.0.0/8"] });

let api: Upstream;
test.beforeAll(async () => {
  api = await upstream();
});
test.afterAll(() => api.close());

test("mobile apps have identities of their own, and one that is disabled is out at once", async ({
  signedIn: page,
  product,
}) => {
  const own = await createProxy(page, product, "mobile", api.url);
  await guard(page, product, "mobile", async (field) => {
    await field("grantType").and(page.locator("[value=CLIENT_CREDENTIALS]")).check();
    await field("credentialClients").check();
    await field("tokenExpiresInAmount").fill("30");
    await field("addUserToHeader").check();
    await field("userHeaderName").fill("X-App");
  });
  await deploy(page, product, "mobile");
  const android = await createCredential(page, product, "android-app", "mobile");
  await accessible(page);
  await picture(page, "access-granted");
  const ios = await createCredential(page, product, "ios-app", "mobile");

  // Each has a token of its own, and the proxy's key pair goes on working.
  const tokens = new Map<string, string>();
  for (const pair of [android, ios, own]) {
    const answer = await clientToken(product, pair);
    expect(answer).toMatchObject({ status: 200, body: { token_type: "Bearer", expires_in: 1800 } });
    tokens.set(pair.id, answer.body.access_token);
    expect(claims(answer.body.access_token)).toMatchObject({ sub: pair.id });
    const called = await call(product, "/mobile/1", answer.body.access_token, { "X-App": "somebody-else" });
    expect(called.status).toBe(200);
    expect(called.body.headers["x-app"]).toBe(pair.id);
  }
  expect((await clientToken(product, { id: android.id, secret: ios.secret })).status).toBe(401);

  // One app is stolen from: switched off, it can neither call nor get a token; the other does not notice.
  await page.goto(`${product.console}/projects/Default/credentials/android-app`);
  await page.getByRole("button", { name: "Disable" }).click();
  await expect(page.getByRole("button", { name: "Enable" })).toBeVisible();
  expect((await call(product, "/mobile/1", tokens.get(android.id) ?? "")).status).toBe(401);
  expect(await clientToken(product, android)).toMatchObject({
    status: 401,
    body: { error: "invalid_client" },
  });
  expect((await call(product, "/mobile/1", tokens.get(ios.id) ?? "")).status).toBe(200);
  expect((await clientToken(product, ios)).status).toBe(200);
});

test("a user of the directory logs in, refreshes twice and has to log in again", async ({
  signedIn: page,
  product,
}) => {
  const directory = await Directory.open();
  const people = directory.about;

  // The source, tried before it is saved.
  await page.goto(`${product.console}/projects/Default/identity-sources`);
  await page
    .getByRole("link", { name: /identity source/i })
    .last()
    .click();
  await page.getByRole("link", { name: "Choose LDAP" }).click();
  const source = (name: string) => page.locator(`#identity-source-form [name="${name}"]`);
  await page.getByRole("button", { name: "OpenLDAP" }).click();
  await expect(source("memberOfAttribute")).toHaveValue("memberOf");
  await source("name").fill("Company directory");
  await source("servers[0]").fill(people.ldaps);
  await source("caCertificates").fill(people.ca);
  await source("bindDn").fill(people.bindDn);
  await page.getByLabel("Bind password").fill(people.bindPassword);
  await source("userBaseDn").fill(people.people);
  await source("memberOfBaseDn").fill(people.groups);
  await source("test:name").fill("ayse");
  await page.locator("#test-password").fill("wrong");
  await page.getByRole("button", { name: "Test configuration" }).click();
  const report = page.locator("#test-report");
  await expect(report).toContainText("ayse cannot log in with this password");
  await page.locator("#test-password").fill(people.password);
  await page.getByRole("button", { name: "Test configuration" }).click();
  await expect(report).toContainText("ayse can log in");
  await expect(report).toContainText("orders-read");
  await accessible(page);
  await picture(page, "identity-source-tested");
  await page.locator("[data-save]").click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Company directory");

  // The policy names it.
  const { id } = await createProxy(page, product, "session", api.url);
  await guard(page, product, "session", async (field) => {
    await page.getByRole("radio", { name: /PASSWORD/ }).check();
    await page.getByRole("button", { name: "Choose Identity/Role/Group Service" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("radio", { name: "LDAP" }).check();
    await dialog.getByRole("radio", { name: "Company directory" }).check();
    await dialog.getByRole("button", { name: "Close" }).last().click();
    await expect(page.getByText("LDAP: Company directory")).toBeVisible();
    await field("tokenExpiresInAmount").fill("15");
    await field("refreshTokenAllowed").check();
    await field("refreshTokenCount").fill("2");
    await field("addUserToHeader").check();
  });
  await deploy(page, product, "session");

  const login = (password: string) =>
    ask(product, { grant_type: "password", client_id: id, username: "ayse", password });
  const refresh = (token: string) =>
    ask(product, { grant_type: "refresh_token", client_id: id, refresh_token: token });

  expect(await login("wrong")).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
  const first = await login(people.password);
  expect(first).toMatchObject({ status: 200, body: { expires_in: 900 } });
  const seen = await call(product, "/session/1", first.body.access_token);
  expect(seen.status).toBe(200);
  expect(seen.body.headers["x-authenticated-userid"]).toBe("ayse");

  // A quarter of an hour three times over, and then the password again: the third refresh is refused.
  const second = await refresh(first.body.refresh_token);
  expect(second).toMatchObject({ status: 200, body: { expires_in: 900 } });
  const third = await refresh(second.body.refresh_token);
  expect(third).toMatchObject({ status: 200, body: { expires_in: 900 } });
  expect((await call(product, "/session/1", third.body.access_token)).status).toBe(200);
  expect(await refresh(third.body.refresh_token)).toMatchObject({
    status: 400,
    body: { error: "invalid_grant" },
  });
  expect((await login(people.password)).status).toBe(200);
  await directory.close();
});

test("a service sends its token in the header, and in an address it is refused", async ({
  signedIn: page,
  product,
}) => {
  const own = await createProxy(page, product, "service", api.url);
  await guard(page, product, "service", async (field) => {
    await page.getByRole("radio", { name: /CLIENT_CREDENTIALS/ }).check();
    await expect(field("allowUrlParameters")).not.toBeChecked();
    await field("clearAuth").check();
  });
  await deploy(page, product, "service");

  const { status, body } = await clientToken(product, own);
  expect(status).toBe(200);
  const called = await call(product, "/service/1", body.access_token);
  expect(called.status).toBe(200);
  expect(called.body.headers.authorization).toBeUndefined();

  // Neither a token nor the secret for one is taken from an address.
  expect((await fetch(`${product.gateway}/service/1?access_token=${body.access_token}`)).status).toBe(400);
  const query = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: own.id,
    client_secret: own.secret,
  });
  for (const method of ["GET", "POST"]) {
    const asked = await fetch(`${product.gateway}/auth/jwt?${query}`, { method });
    expect(asked.ok, method).toBe(false);
    expect(await asked.json()).toMatchObject({ error: "invalid_request" });
  }
});

test("a credential is served from its own addresses only", async ({ signedIn: page, product }) => {
  await createProxy(page, product, "branch", api.url);
  await guard(page, product, "branch", async (field) => {
    await page.getByRole("radio", { name: /CLIENT_CREDENTIALS/ }).check();
    await field("credentialClients").check();
    await field("checkClientIpAddress").check();
  });
  await deploy(page, product, "branch");
  const here = await createCredential(page, product, "ankara", "branch", (field) =>
    field("ipList").fill("127.0.0.0/8\n::1"),
  );
  const elsewhere = await createCredential(page, product, "izmir", "branch", (field) =>
    field("ipList").fill("192.0.2.0/24"),
  );

  const { status, body } = await clientToken(product, here);
  expect(status).toBe(200);
  expect((await call(product, "/branch/1", body.access_token)).status).toBe(200);
  expect((await clientToken(product, elsewhere)).status).toBe(403);

  // The list counts for tokens that are out already, without a deploy; what the caller says of its address does not.
  await page.goto(`${product.console}/projects/Default/credentials/ankara/edit`);
  await page.locator("#credential-form [name=ipList]").fill("192.0.2.7");
  await page.locator("[data-save]").click();
  await expect(page.getByText("192.0.2.7")).toBeVisible();
  const claimed = { "X-Forwarded-For": "192.0.2.7" };
  expect((await call(product, "/branch/1", body.access_token)).status).toBe(403);
  expect((await call(product, "/branch/1", body.access_token, claimed)).status).toBe(403);
});

test("the API learns the caller's roles from the header that it expects", async ({
  signedIn: page,
  product,
}) => {
  for (const role of ["clerk", "auditor"]) {
    await page.goto(`${product.console}/projects/Default/roles`);
    await page.getByLabel("Name").fill(role);
    await page.getByRole("button", { name: "Create role" }).click();
    await expect(page.getByRole("row", { name: new RegExp(role) })).toBeVisible();
  }
  const { id } = await createProxy(page, product, "roles", api.url);
  await guard(page, product, "roles", async (field) => {
    await page.getByRole("radio", { name: /PASSWORD/ }).check();
    await expect(page.locator("[data-words]").first()).toHaveText("Secret Manager");
    await field("authorization.enableAuthorization").check();
    await field("authorization.credentialRoleNameList").fill("clerk");
    await field("authorization.addRolesToHeader").check();
    await field("authorization.rolesHeaderName").fill("X-Company-Roles");
  });
  await deploy(page, product, "roles");
  const tokenOf = async (name: string, roles: string[]) => {
    const pair = await createCredential(page, product, name, "roles", async (field) => {
      for (const role of roles)
        await field("roleNameList")
          .and(page.locator(`[value=${role}]`))
          .check();
    });
    const answer = await ask(product, {
      grant_type: "password",
      client_id: id,
      username: pair.id,
      password: pair.secret,
    });
    expect(answer.status).toBe(200);
    return answer.body.access_token as string;
  };
  const clerk = await tokenOf("deniz", ["auditor", "clerk"]);
  const auditor = await tokenOf("umut", ["auditor"]);

  // The caller's own idea of its roles never arrives.
  const seen = await call(product, "/roles/1", clerk, { "X-Company-Roles": "boss" });
  expect(seen.status).toBe(200);
  expect(seen.body.headers["x-company-roles"].split(",").sort()).toEqual(["auditor", "clerk"]);
  expect((await call(product, "/roles/1", auditor)).status).toBe(403);
});

test("in an emergency a user's tokens are revoked, and the log says what came after", async ({
  signedIn: page,
  product,
}) => {
  const { id } = await createProxy(page, product, "payroll", api.url);
  await guard(page, product, "payroll", async (field) => {
    await page.getByRole("radio", { name: /PASSWORD/ }).check();
    await field("refreshTokenAllowed").check();
  });
  await deploy(page, product, "payroll");
  const user = await createCredential(page, product, "selin", "payroll");
  const colleague = await createCredential(page, product, "kerem", "payroll");
  const login = (who: typeof user) =>
    ask(product, { grant_type: "password", client_id: id, username: who.id, password: who.secret });
  const stolen = (await login(user)).body;
  const other = (await login(colleague)).body;
  const status = async (token: string) => (await call(product, "/payroll/1", token)).status;
  expect(await status(stolen.access_token)).toBe(200);

  await page.goto(`${product.console}/logins`);
  await expect(page.getByRole("row", { name: /selin/ })).toBeVisible();
  await page.getByRole("link", { name: "Revoke tokens" }).click();
  await page.getByRole("radio", { name: /A user's/ }).check();
  await page.locator("#revoke-form [name=key]").fill("selin");
  await page.locator("#revoke-form [name=reason]").fill("laptop stolen");
  await page.getByRole("button", { name: "Show what would end" }).click();
  await expect(page.getByText("1 login ends")).toBeVisible();
  await accessible(page);
  await picture(page, "revoke-confirm");
  await page.locator("[name=confirm]").fill("selin");
  await page.getByRole("button", { name: "Revoke tokens" }).click();
  await expect(page.getByText(/Revoked the tokens of user selin/)).toBeVisible();
  await expect(page.getByRole("row", { name: /selin/ })).toHaveCount(0);
  await expect(page.getByRole("row", { name: /kerem/ })).toBeVisible();

  // The page promises every node within a second.
  await expect.poll(() => status(stolen.access_token)).toBe(401);
  const refreshed = await ask(product, {
    grant_type: "refresh_token",
    client_id: id,
    refresh_token: stolen.refresh_token,
  });
  expect(refreshed).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
  expect(await status(other.access_token)).toBe(200);
  const again = await login(user);
  expect(again.status).toBe(200);
  expect(await status(again.body.access_token)).toBe(200);

  // The log has the refusal with the reason that the caller was not told; it is written a moment later.
  await expect(async () => {
    await page.goto(`${product.console}/token-requests?q=selin`);
    await expect(page.getByRole("link", { name: "Token issued" })).toHaveCount(2, { timeout: 1000 });
    await page.goto(`${product.console}/token-requests?outcome=refused&grant=refresh_token`);
    await expect(page.getByRole("row", { name: /payroll/ })).toHaveCount(1, { timeout: 1000 });
  }).toPass();
  await page
    .getByRole("row", { name: /payroll/ })
    .getByRole("link", { name: "Refused: invalid_grant" })
    .click();
  await expect(page.getByText(/the login has ended: it was revoked: laptop stolen/)).toBeVisible();
  await accessible(page);
  await picture(page, "token-request-refused");

  // Who revoked, and why, is a security event.
  await page.goto(`${product.console}/security-events`);
  await expect(page.getByText(/laptop stolen/).first()).toBeVisible();
});
