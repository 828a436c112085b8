// Libraries that nobody here wrote, as an application would use them: each is told
// the issuer and its own secret, and finds out the rest.
import { expect, type Page, test } from "@playwright/test";
import * as jose from "jose";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { signIn } from "./fixtures.ts";
import { Product } from "./product.ts";
import {
  createCredential,
  createProxy,
  deploy,
  type Field,
  guard,
  type Pair,
  type Upstream,
  upstream,
} from "./steps.ts";

let product: Product;
let api: Upstream;
/** The demo's client gets tokens for itself; the people's logs users in. */
let demo: Pair;
let people: Pair;
/** A user, and a credential that manages its tokens itself. */
let mia: Pair;
let probe: Pair;

test.beforeAll(async ({ browser }) => {
  product = await Product.start({ demo: true });
  const [, id = "", secret = ""] = /-u '([^:]+):([^']+)'/.exec(product.lines[0] ?? "") ?? [];
  demo = { id, secret };
  api = await upstream();
  const page = await browser.newPage();
  await signIn(page, product);
  await setUpPeople(page);
  await setUpMachines(page);
  await page.close();
});

test.afterAll(async () => {
  api?.close();
  await product?.remove();
});

async function setUpPeople(page: Page): Promise<void> {
  await page.goto(`${product.console}/projects/Default/roles`);
  await page.locator("#role-form [name=name]").fill("clerk");
  await page.getByRole("button", { name: "Create role" }).click();
  await expect(page.getByRole("cell", { name: "clerk" })).toBeVisible();
  people = await createProxy(page, product, "people", api.url);
  await guard(page, product, "people", async (field) => {
    await page.getByRole("radio", { name: /PASSWORD/ }).check();
    await chooseSecretManager(page);
    await field("refreshTokenAllowed").check();
    await field("refreshTokenCount").fill("2");
    await field("addUserToHeader").check();
    await field("userHeaderName").fill("X-User");
    await showRoles(field);
  });
  await deploy(page, product, "people");
  mia = await createCredential(page, product, "mia", "people", (field) =>
    field("roleNameList").and(page.locator("[value=clerk]")).check(),
  );
}

async function chooseSecretManager(page: Page): Promise<void> {
  const service = page.locator("[data-chooser]", { has: page.locator("[name=authenticationType]") });
  await service.getByRole("button", { name: /^Choose/ }).click();
  await page.getByRole("dialog").getByRole("radio", { name: "Secret Manager" }).check();
  await page.keyboard.press("Escape");
}

async function showRoles(field: Field): Promise<void> {
  await field("authorization.enableAuthorization").check();
  await field("authorization.credentialRoleNameList").fill("clerk");
  await field("authorization.addRolesToHeader").check();
  await field("authorization.rolesHeaderName").fill("X-Roles");
}

async function setUpMachines(page: Page): Promise<void> {
  await createProxy(page, product, "machines", api.url);
  await guard(page, product, "machines", (field) => field("managedFromThisPolicy").uncheck());
  await deploy(page, product, "machines");
  probe = await createCredential(page, product, "probe", "machines", async (field) => {
    await page.getByRole("link", { name: "Token Settings" }).click();
    await page.getByRole("radio", { name: /CLIENT_CREDENTIALS/ }).check();
    await field("jwtSignatureAlgorithm").selectOption("EdDSA");
  });
}

const issuer = () => new URL(product.gateway);

/** discovered is openid-client, told the issuer and nothing else of the server. */
function discovered(client: Pair, auth: openid.ClientAuth): Promise<openid.Configuration> {
  return openid.discovery(issuer(), client.id, {}, auth, {
    algorithm: "oauth2",
    execute: [openid.allowInsecureRequests],
  });
}

const login = (config: openid.Configuration, password = mia.secret) =>
  openid.genericGrantRequest(config, "password", { username: mia.id, password });

/** verified is what an API that trusts the gateway's tokens does with jose. */
async function verified(text: string, audience: string) {
  const server = (await discovered(demo, openid.None())).serverMetadata();
  const jwks = jose.createRemoteJWKSet(new URL(server.jwks_uri ?? ""));
  return jose.jwtVerify(text, jwks, {
    issuer: server.issuer,
    audience,
    typ: "at+jwt",
    requiredClaims: ["exp", "iat", "jti", "sub", "client_id"],
  });
}

/** refused wants the error of RFC 6749 section 5.2, read by the library. */
async function refused(request: Promise<unknown>, status: number, error: string): Promise<void> {
  const got = await request.catch((e: unknown) => e);
  expect(got).toBeInstanceOf(openid.ResponseBodyError);
  const { status: s, error: code, error_description } = got as openid.ResponseBodyError;
  expect([s, code]).toEqual([status, error]);
  expect(error_description).toBeTruthy();
}

/** challenged wants a 401 whose challenge the library can parse, and returns what it said. */
async function challenged(request: Promise<unknown>): Promise<openid.WWWAuthenticateChallengeError> {
  const got = await request.catch((e: unknown) => e);
  expect(got).toBeInstanceOf(openid.WWWAuthenticateChallengeError);
  const challenge = got as openid.WWWAuthenticateChallengeError;
  expect(challenge.status).toBe(401);
  return challenge;
}

test("openid-client discovers the server from its issuer", async () => {
  const server = (await discovered(demo, openid.None())).serverMetadata();
  expect(server.issuer).toBe(product.gateway);
  expect(server.grant_types_supported).toEqual(
    expect.arrayContaining(["client_credentials", "password", "refresh_token"]),
  );
  for (const address of [
    server.token_endpoint,
    server.introspection_endpoint,
    server.revocation_endpoint,
    server.jwks_uri,
  ])
    expect(new URL(address ?? "").origin).toBe(product.gateway);
});

for (const [name, auth] of [
  ["by Basic", openid.ClientSecretBasic],
  ["by the form", openid.ClientSecretPost],
] as const) {
  test(`openid-client gets a token for a program, its secret shown ${name}, introspects and revokes it`, async () => {
    const config = await discovered(demo, auth(demo.secret));
    const token = await openid.clientCredentialsGrant(config);
    expect(token.token_type).toBe("bearer");
    expect(token.expiresIn()).toBeGreaterThan(890);
    expect(token.refresh_token).toBeUndefined();
    const { payload, protectedHeader } = await verified(token.access_token, demo.id);
    expect(protectedHeader.alg).toBe("ES256");
    expect(payload.sub).toBe(demo.id);

    const hello = new URL(`${product.gateway}/echo/hello`);
    const call = () => openid.fetchProtectedResource(config, token.access_token, hello, "GET");
    expect((await call()).status).toBe(200);
    const about = await openid.tokenIntrospection(config, token.access_token);
    expect(about).toMatchObject({
      active: true,
      client_id: demo.id,
      iss: product.gateway,
      exp: payload.exp,
      jti: payload.jti,
    });

    await openid.tokenRevocation(config, token.access_token);
    // It travels to the nodes (RFC 7009 section 2), also to the one that took it.
    await expect.poll(() => openid.tokenIntrospection(config, token.access_token)).toEqual({ active: false });
    const { cause } = await challenged(call());
    expect(cause[0]?.parameters.error).toBe("invalid_token");
    await openid.tokenRevocation(config, "no token at all"); // RFC 7009 section 2.2
  });

  test(`openid-client reads the refusal of a client, its secret shown ${name}`, async () => {
    const config = await discovered(demo, auth("wrong"));
    const { cause, response } = await challenged(openid.clientCredentialsGrant(config));
    expect(cause[0]?.scheme).toBe("basic");
    expect(await response.json()).toMatchObject({ error: "invalid_client" });
  });
}

for (const [name, auth] of [
  ["with the client's secret", () => openid.ClientSecretBasic(people.secret)],
  ["as a public client", () => openid.None()],
] as const) {
  test(`openid-client logs a user in ${name} and refreshes until the refreshes are used up`, async () => {
    const config = await discovered(people, auth());
    await refused(login(config, "wrong"), 400, "invalid_grant");
    const first = await login(config);
    const { payload } = await verified(first.access_token, people.id);
    expect(payload).toMatchObject({ sub: "mia", scope: "clerk", client_id: people.id });
    const seen = await openid.fetchProtectedResource(
      config,
      first.access_token,
      new URL(`${product.gateway}/people/1`),
      "GET",
    );
    expect((await seen.json()).headers).toMatchObject({ "x-user": "mia", "x-roles": "clerk" });

    const second = await openid.refreshTokenGrant(config, first.refresh_token ?? "");
    const third = await openid.refreshTokenGrant(config, second.refresh_token ?? "");
    expect(new Set([first, second, third].map((t) => t.refresh_token)).size).toBe(3);
    await verified(third.access_token, people.id);
    await refused(openid.refreshTokenGrant(config, third.refresh_token ?? ""), 400, "invalid_grant");
  });
}

test("openid-client ends a login by revoking its refresh token", async () => {
  const config = await discovered(people, openid.ClientSecretPost(people.secret));
  const token = await login(config);
  await openid.tokenRevocation(config, token.refresh_token ?? "", { token_type_hint: "refresh_token" });
  await refused(openid.refreshTokenGrant(config, token.refresh_token ?? ""), 400, "invalid_grant");
  expect(await openid.tokenIntrospection(config, token.access_token)).toMatchObject({
    active: true,
    username: "mia",
  });
});

test("openid-client asks for scopes and is told which it got", async () => {
  const config = await discovered(people, openid.ClientSecretBasic(people.secret));
  const user = { username: mia.id, password: mia.secret };
  const token = await openid.genericGrantRequest(config, "password", { ...user, scope: "clerk boss" });
  expect(token.scope).toBe("clerk"); // other than asked for, so it has to be said (RFC 6749 section 5.1)
  const wider = { scope: "clerk boss" };
  await refused(openid.refreshTokenGrant(config, token.refresh_token ?? "", wider), 400, "invalid_scope");
});

test("openid-client reads why a grant is refused", async () => {
  const config = await discovered(demo, openid.ClientSecretBasic(demo.secret));
  await refused(login(config), 400, "unauthorized_client");
  await refused(openid.genericGrantRequest(config, "urn:example:unknown", {}), 400, "unsupported_grant_type");
  await refused(openid.refreshTokenGrant(config, "made up"), 400, "invalid_grant");
  await refused(
    openid.clientCredentialsGrant(config, { resource: "https://elsewhere.example" }),
    400,
    "invalid_target",
  );
});

test("a token of one client is nothing to another", async () => {
  const config = await discovered(demo, openid.ClientSecretBasic(demo.secret));
  const other = await discovered(people, openid.ClientSecretBasic(people.secret));
  const token = (await openid.clientCredentialsGrant(config)).access_token;
  expect(await openid.tokenIntrospection(other, token)).toEqual({ active: false });
  await openid.tokenRevocation(other, token);

  // Once a later revocation has arrived, the other client's would have, too.
  const later = (await openid.clientCredentialsGrant(config)).access_token;
  await openid.tokenRevocation(config, later);
  await expect.poll(() => openid.tokenIntrospection(config, later)).toEqual({ active: false });
  expect(await openid.tokenIntrospection(config, token)).toMatchObject({ active: true });
  await expect(verified(token, people.id)).rejects.toThrow(jose.errors.JWTClaimValidationFailed);
});

test("jose refuses a token whose content was changed", async () => {
  const config = await discovered(demo, openid.ClientSecretBasic(demo.secret));
  const [header, payload = "", signature] = (await openid.clientCredentialsGrant(config)).access_token.split(
    ".",
  );
  const claims = JSON.parse(new TextDecoder().decode(jose.base64url.decode(payload)));
  const forged = jose.base64url.encode(JSON.stringify({ ...claims, sub: "admin" }));
  await expect(verified(`${header}.${forged}.${signature}`, demo.id)).rejects.toThrow(
    jose.errors.JWSSignatureVerificationFailed,
  );
});

const plain = { [oauth.allowInsecureRequests]: true };

/** metadata is the document of a path, held against the issuer by oauth4webapi. */
async function metadata(path: string): Promise<oauth.AuthorizationServer> {
  const response = await fetch(product.gateway + path);
  return oauth.processDiscoveryResponse(issuer(), response);
}

/** conforms holds a token against RFC 9068, as oauth4webapi reads it. */
function conforms(as: oauth.AuthorizationServer, token: string, audience: string) {
  const request = new Request(`${product.gateway}/x`, { headers: { Authorization: `Bearer ${token}` } });
  return oauth.validateJwtAccessToken(as, request, audience, plain);
}

test("oauth4webapi goes through a login step by step", async () => {
  const found = await oauth.discoveryRequest(issuer(), { algorithm: "oauth2", ...plain });
  const as = await oauth.processDiscoveryResponse(issuer(), found);
  const client: oauth.Client = { client_id: people.id };
  const auth = oauth.ClientSecretBasic(people.secret);
  const user = { username: mia.id, password: mia.secret };
  const first = await oauth.processGenericTokenEndpointResponse(
    as,
    client,
    await oauth.genericTokenEndpointRequest(as, client, auth, "password", user, plain),
  );
  expect(await conforms(as, first.access_token, people.id)).toMatchObject({ sub: "mia", scope: "clerk" });

  const redeem = () => oauth.refreshTokenGrantRequest(as, client, auth, first.refresh_token ?? "", plain);
  const second = await oauth.processRefreshTokenResponse(as, client, await redeem());
  const retried = await oauth.processRefreshTokenResponse(as, client, await redeem());
  expect(retried.refresh_token).toBe(second.refresh_token); // inside the grace window

  const ask = () => oauth.introspectionRequest(as, client, auth, second.access_token, plain);
  expect(await oauth.processIntrospectionResponse(as, client, await ask())).toMatchObject({
    active: true,
    username: "mia",
    token_type: "Bearer",
  });
  await oauth.processRevocationResponse(
    await oauth.revocationRequest(as, client, auth, second.access_token, plain),
  );
  await expect
    .poll(async () => oauth.processIntrospectionResponse(as, client, await ask()))
    .toEqual({ active: false });
  await expect(oauth.processRefreshTokenResponse(as, client, await redeem())).rejects.toMatchObject({
    error: "invalid_grant",
    status: 400,
  });
});

test("oauth4webapi gets a token of a credential that manages its own tokens", async () => {
  const as = await metadata("/credential/.well-known/oauth-authorization-server");
  expect(as.token_endpoint).toBe(`${product.gateway}/credential/jwt`);
  const client: oauth.Client = { client_id: probe.id };
  const request = (secret: string) =>
    oauth.clientCredentialsGrantRequest(as, client, oauth.ClientSecretPost(secret), {}, plain);
  const token = await oauth.processClientCredentialsResponse(as, client, await request(probe.secret));
  expect(await conforms(as, token.access_token, "probe")).toMatchObject({ sub: "probe" });
  const answer = await oauth.protectedResourceRequest(
    token.access_token,
    "GET",
    new URL(`${product.gateway}/machines/1`),
    undefined,
    undefined,
    plain,
  );
  expect(answer.status).toBe(200);
  const failed = await oauth
    .processClientCredentialsResponse(as, client, await request("wrong"))
    .catch((e: unknown) => e);
  expect(failed).toBeInstanceOf(oauth.WWWAuthenticateChallengeError);
});
