// The UI guide's "geographically restricted access" and its examples of conditions, each set up by hand in the console
// and then driven from outside, through a load balancer that tells address and country.

import type { Page } from "@playwright/test";
import { accessible, expect, picture, test } from "./fixtures.ts";
import type { Product } from "./product.ts";
import { createCredential, createProxy, deploy, guard, type Pair, type Upstream, upstream } from "./steps.ts";

test.use({ flags: ["--trusted-proxies=127.0.0.0/8,::1", "--country-header=CF-IPCountry"] });

let api: Upstream;
test.beforeAll(async () => {
  api = await upstream();
});
test.afterAll(() => api.close());

interface Rule {
  /** The label of the kind of variable, and its name or context value. */
  kind: "Header" | "Context value";
  of: string;
  operator: string;
  value: string;
}

/** onlyWhen fills the Conditions tab with one rule. */
async function onlyWhen(page: Page, { kind, of, operator, value }: Rule, otherwise: string): Promise<void> {
  await page.getByRole("link", { name: /^Conditions/ }).click();
  const builder = page.locator("#condition-builder");
  const field = (name: string) => builder.locator(`[name="condition.0.${name}"]`);
  await builder.getByRole("button", { name: "Add rule" }).click();
  await expect(field("first")).toBeFocused();
  await field("first").selectOption({ label: kind });
  if (kind === "Header") await field("first.text").fill(of);
  else await field("first.context").selectOption({ label: of });
  await field("operator").selectOption({ label: operator });
  await field("value").fill(value);
  await builder.getByRole("radio", { name: otherwise }).check();
}

/** asked is the status of a token request from an address in a country. */
async function asked(product: Product, pair: Pair, from: Record<string, string>): Promise<Response> {
  return fetch(`${product.gateway}/auth/jwt`, {
    method: "POST",
    headers: from,
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: pair.id,
      client_secret: pair.secret,
    }),
  });
}

test("callers of some countries and addresses get tokens and in, others 403", async ({
  signedIn: page,
  product,
}) => {
  await createProxy(page, product, "regional", api.url);
  await guard(page, product, "regional", async (field) => {
    await page.getByRole("radio", { name: /CLIENT_CREDENTIALS/ }).check();
    await field("credentialClients").check();
    await field("checkClientIpAddress").check();
    await onlyWhen(
      page,
      { kind: "Context value", of: "Client country", operator: "In", value: "TR#AZ" },
      "Reject the request",
    );
    await expect(page.locator(".Conditions-sentence")).toContainText('client country is one of "TR", "AZ"');
    await accessible(page);
    await picture(page, "geography");
  });
  await deploy(page, product, "regional");
  const app = await createCredential(page, product, "regional-app", "regional", (field) =>
    field("ipList").fill("192.0.2.0/24"),
  );

  const home = { "X-Forwarded-For": "192.0.2.7", "CF-IPCountry": "TR" };
  const abroad = { ...home, "CF-IPCountry": "DE" };
  const elsewhere = { ...home, "X-Forwarded-For": "198.51.100.1" };
  const issued = await asked(product, app, home);
  expect(issued.status).toBe(200);
  const { access_token } = await issued.json();
  const called = (from: Record<string, string>) =>
    fetch(`${product.gateway}/regional/1`, { headers: { ...from, Authorization: `Bearer ${access_token}` } });
  expect((await called(home)).status).toBe(200);

  for (const from of [abroad, elsewhere, { "X-Forwarded-For": "192.0.2.7" }]) {
    const refused = await asked(product, app, from);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ error: "access_denied" });
    expect((await called(from)).status).toBe(403);
  }
});

const examples: {
  name: string;
  rule: Rule;
  met: [string, Record<string, string>];
  unmet: [string, Record<string, string>];
}[] = [
  {
    name: "by-environment",
    rule: { kind: "Header", of: "X-Environment", operator: "Equals", value: "production" },
    met: ["/1", { "X-Environment": "production" }],
    unmet: ["/1", { "X-Environment": "test" }],
  },
  {
    name: "by-key",
    rule: { kind: "Header", of: "X-API-Key", operator: "Starts With", value: "PROD-" },
    met: ["/1", { "X-API-Key": "PROD-7" }],
    unmet: ["/1", { "X-API-Key": "TEST-7" }],
  },
  {
    name: "by-endpoint",
    rule: {
      kind: "Context value",
      of: "Path below the base path",
      operator: "Matches Path",
      value: "/api/admin/*",
    },
    met: ["/api/admin/users", {}],
    unmet: ["/api/orders", {}],
  },
];

for (const { name, rule, met, unmet } of examples) {
  test(`the guide's example ${name} decides when the policy is active`, async ({
    signedIn: page,
    product,
  }) => {
    await createProxy(page, product, name, api.url);
    await guard(page, product, name, () => onlyWhen(page, rule, "Skip the policy"));
    await deploy(page, product, name);
    const status = async ([path, headers]: [string, Record<string, string>]) =>
      (await fetch(`${product.gateway}/${name}${path}`, { headers })).status;
    expect(await status(met)).toBe(401);
    expect(await status(unmet)).toBe(200);
  });
}
