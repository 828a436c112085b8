// The management API as a program sees it whose author has nothing but the
// document: the client is what a public generator makes of it.
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { Locator, Page } from "@playwright/test";
import { build } from "esbuild";
import { accessible, expect, test } from "./fixtures.ts";
import { newDir, type Product } from "./product.ts";
import { call, clientToken, type Upstream, upstream } from "./steps.ts";

// biome-ignore lint/suspicious/noExplicitAny: the types are generated while the journey runs, and checked there
type Operation = (...given: any[]) => Promise<any>;

/** Client is what the journey uses of what is generated. */
interface Client {
  OpenAPI: { BASE: string; TOKEN?: string };
  ApiError: new () => Error & { status: number; body: unknown };
  AccessService: { issueToken: Operation; hello: Operation };
  ApiProxiesService: { createProxy: Operation; listProxies: Operation };
  GlobalPoliciesService: { createGlobalPolicy: Operation };
  PoliciesOfAProxyService: { addProxyPolicy: Operation; listProxyPolicies: Operation };
  DeploymentsService: { deployProxyToEnvironment: Operation; getProxyDeployStatus: Operation };
}

const tool = (name: string) => resolve(import.meta.dirname, "../node_modules/.bin", name);
const run = promisify(execFile);

const compilerOptions = {
  strict: true,
  noEmit: true,
  target: "ES2023",
  module: "ESNext",
  moduleResolution: "bundler",
  lib: ["ES2023", "DOM", "DOM.Iterable"],
  types: [],
};

/** generated is the client of the product's document, made and compiled in dir. */
async function generated(product: Product, dir: string): Promise<Client> {
  const input = join(dir, "openapi.json");
  const output = join(dir, "client");
  await writeFile(input, await (await fetch(`${product.console}/apiops/openapi.json`)).text());
  await run(tool("openapi"), ["--input", input, "--output", output, "--client", "fetch"]);
  await writeFile(join(dir, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["client"] }));
  await run(tool("tsc"), ["-p", dir]);
  const outfile = join(dir, "client.mjs");
  await build({ entryPoints: [join(output, "index.ts")], outfile, bundle: true, format: "esm" });
  const client: Client = await import(pathToFileURL(outfile).href);
  client.OpenAPI.BASE = product.console;
  return client;
}

test.describe("a generated client", () => {
  const dir = newDir();
  let api: Upstream;
  let client: Client;

  test.beforeAll(async ({ product }) => {
    api = await upstream();
    client = await generated(product, dir);
    const signIn = { grant_type: "client_credentials", client_id: "admin", client_secret: product.password };
    client.OpenAPI.TOKEN = (await client.AccessService.issueToken(signIn)).access_token;
  });

  test.afterAll(() => {
    api?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const proxy = (name: string) => ({
    apiProxyName: name,
    clientRoute: { relativePathList: [`/${name}`] },
    routingInfo: { routingAddressList: [{ address: api.url }] },
  });

  /** refused is the client's own error for what the API does not take. */
  async function refused(request: Promise<unknown>) {
    const got = await request.catch((e: unknown) => e);
    expect(got).toBeInstanceOf(client.ApiError);
    return got as InstanceType<Client["ApiError"]>;
  }

  test("creates a proxy, a policy and its binding, deploys them and calls the gateway", async ({
    product,
  }) => {
    expect(await client.AccessService.hello("generated client")).toMatchObject({
      message: "Hello generated client",
      user: "admin",
    });
    const made = await client.ApiProxiesService.createProxy("Default", proxy("generated"));
    const settings = { grantType: "CLIENT_CREDENTIALS", jwtSignatureAlgorithm: "ES256" };
    const policy = { type: "policy-auth-jwt", name: "programs only", ...settings };
    const global = await client.GlobalPoliciesService.createGlobalPolicy("Default", policy);
    expect(global.result).toMatchObject({ policy: { name: policy.name } });

    const place = { targetScope: "ALL", targetPipeline: "REQUEST", deploy: false };
    const binding = { operationMetadata: { ...place, globalPolicyName: policy.name } };
    await client.PoliciesOfAProxyService.addProxyPolicy("Default", "generated", policy.name, binding);
    const bound = await client.PoliciesOfAProxyService.listProxyPolicies("Default", "generated");
    expect(bound.resultList[0].apiProxy.requestPolicyList).toMatchObject([{ name: policy.name }]);

    const status = () => client.DeploymentsService.getProxyDeployStatus("Default", "generated", "production");
    expect(await status()).toMatchObject({ deployed: false, state: "NOT_DEPLOYED" });
    const deployed = await client.DeploymentsService.deployProxyToEnvironment(
      "Default",
      "generated",
      "production",
    );
    expect(deployed.deploymentResult.success).toBe(true);
    await expect.poll(status).toMatchObject({ deployed: true, state: "LIVE", redeployRequired: false });

    expect((await fetch(`${product.gateway}/generated/1`)).status).toBe(401);
    const token = await clientToken(product, { id: made.clientId, secret: made.clientSecret });
    const answer = await call(product, "/generated/1", token.body.access_token);
    expect(answer).toMatchObject({ status: 200, body: { path: "/api/1" } });
  });

  test("gets what is refused as its own error, with everything that the API says", async () => {
    await client.ApiProxiesService.createProxy("Default", proxy("taken"));
    const twice = await refused(client.ApiProxiesService.createProxy("Default", proxy("taken")));
    expect(twice.status).toBe(409);
    expect(twice.body).toMatchObject({ success: false, status: "FAILURE", error: "duplicate_name" });

    const wrong = { type: "policy-auth-jwt", name: "wrong", leewaySeconds: -1 };
    const fields = await refused(client.GlobalPoliciesService.createGlobalPolicy("Default", wrong));
    expect(fields.status).toBe(400);
    expect(fields.body).toMatchObject({
      error: "validation_failed",
      fieldErrors: [{ field: "jwtSignatureAlgorithm" }, { field: "leewaySeconds" }],
    });

    const token = client.OpenAPI.TOKEN;
    client.OpenAPI.TOKEN = "made up";
    const stranger = await refused(client.ApiProxiesService.listProxies("Default"));
    client.OpenAPI.TOKEN = token;
    expect(stranger.status).toBe(401);
    expect(stranger.body).toMatchObject({ error: "invalid_token" });
  });
});

test("the API's reference is searched and read with the keyboard alone", async ({
  signedIn: page,
  product,
}) => {
  await page.goto(`${product.console}/api-reference`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Management API");

  const search = page.getByRole("searchbox", { name: "Search operations" });
  const all = await page.getByRole("row").count();
  await reach(page, search);
  await page.keyboard.type("create an api proxy");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\?q=create/);
  const found = page.getByRole("link", { name: "/apiops/projects/{projectName}/apiProxies/", exact: true });
  await expect(found).toBeVisible();
  expect(await page.getByRole("row").count()).toBeLessThan(all);
  await accessible(page);
  await reach(page, found);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Create an API proxy");
  await expect(page.getByRole("table", { name: "Statuses" })).toContainText("409");
  await accessible(page);

  // A member's type leads to its shape on the same page.
  await page.getByRole("link", { name: "ProxyCreateRequest" }).first().focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("table", { name: "Members of ProxyCreateRequest" })).toBeInViewport();
});

for (const path of ["", "/createProxy", "?q=nothing+at+all"])
  test(`the API's reference fits on a phone: ${path}`, async ({ signedIn: page, product }) => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(`${product.console}/api-reference${path}`);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  });

/** reach presses Tab until the control has the focus. */
async function reach(page: Page, control: Locator): Promise<void> {
  const focused = () => control.evaluate((e) => e === document.activeElement);
  for (let i = 0; i < 60 && !(await focused()); i++) await page.keyboard.press("Tab");
  await expect(control).toBeFocused();
}
