// An API proxy begins with the document of its API, and follows it when it changes.
import type { Page } from "@playwright/test";
import { accessible, expect, picture, test } from "./fixtures.ts";
import { deploy, upstream } from "./steps.ts";

/** shelter is the document of an API at url; more stands below its paths. */
function shelter(url: string, more: string): string {
  return `openapi: 3.1.0
info:
  title: Pet shelter
  version: "1.0"
  summary: Pets that look for a home.
servers:
  - url: ${url}
paths:
  /pets:
    get: { summary: List the pets, responses: { "200": { description: All of them } } }
    post: { summary: Take a pet in, responses: { "201": { description: Taken in } } }
  /pets/{petId}:
    parameters: [{ name: petId, in: path, required: true, schema: { $ref: "#/components/schemas/Id" } }]
    get: { summary: Show one pet, responses: { "200": { description: The pet } } }
${more}
components:
  schemas:
    Id: { type: string }
`;
}

/** endpoints are the rows of the proxy's page: method, path and description. */
async function endpoints(page: Page): Promise<string[]> {
  const rows = page.getByRole("table", { name: "Endpoints" }).getByRole("row");
  const texts = await rows.allInnerTexts();
  return texts.slice(1).map((t) => t.replace(/\s+/g, " ").trim());
}

test("a proxy is made from an OpenAPI document and updated from the next one", async ({
  signedIn: page,
  product,
}) => {
  const api = await upstream();
  await page.goto(`${product.console}/projects/Default/proxies`);
  await page
    .getByRole("link", { name: /OpenAPI document/ })
    .first()
    .click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("New API proxy from an OpenAPI document");
  await accessible(page);
  await picture(page, "openapi");

  // What is wrong is said where it stands, and what was typed stays.
  await page.locator("[name=content]").fill(shelter(api.url, "  /pets: { put: {} }"));
  await page.getByRole("button", { name: "Read the document" }).click();
  await expect(page.getByRole("alert")).toContainText('The member "/pets" is here twice');
  await expect(page.locator("[name=content]")).toHaveValue(/title: Pet shelter/);
  await accessible(page);
  await picture(page, "openapi-wrong");
  await page.locator("[name=content]").fill("");

  // A file fills the ordinary form.
  const file = {
    name: "shelter.yaml",
    mimeType: "application/yaml",
    buffer: Buffer.from(shelter(api.url, "  /old: { get: { summary: As it was }, trace: {} }")),
  };
  await page.locator("input[type=file]").setInputFiles(file);
  await page.getByRole("button", { name: "Read the document" }).click();
  await expect(page.locator("input[name=name]")).toHaveValue("Pet shelter");
  await expect(page.locator("input[name=basePath]")).toHaveValue("/api");
  await expect(page.locator("input[name=upstreamUrl]")).toHaveValue(api.url);
  await expect(page.getByRole("note").first()).toContainText("TRACE /old was left out");
  await accessible(page);
  await picture(page, "openapi-filled");

  // An error of the form keeps all of that.
  await page.locator("input[name=basePath]").fill("/auth");
  await page.getByRole("button", { name: "Create proxy" }).click();
  await expect(page.getByText("is reserved for the gateway").first()).toBeVisible();
  await expect(page.getByRole("note").first()).toContainText("TRACE /old was left out");
  await page.locator("input[name=basePath]").fill("/shelter");
  await page.getByRole("button", { name: "Create proxy" }).click();
  await expect(page.getByText("Copy the client secret now")).toBeVisible();

  await page.goto(`${product.console}/projects/Default/proxies/Pet%20shelter`);
  expect(await endpoints(page)).toEqual([
    "GET /pets List the pets 0",
    "POST /pets Take a pet in 0",
    "GET /pets/{petId} Show one pet 0",
    "GET /old As it was 0",
  ]);

  // What the document names is answered, and nothing else.
  await deploy(page, product, "Pet%20shelter");
  const seen = await fetch(`${product.gateway}/shelter/pets/7`);
  expect((await seen.json()).path).toBe("/api/pets/7");
  expect((await fetch(`${product.gateway}/shelter/keepers`)).status).toBe(404);

  // The next document removes an endpoint with a policy, which is named before.
  await page.goto(`${product.console}/projects/Default/proxies/Pet%20shelter`);
  await page.getByRole("row", { name: /\/old/ }).getByRole("link").click();
  await page.getByRole("link", { name: "Add policy to the request lane" }).click();
  await page
    .getByRole("link", { name: /New local policy/ })
    .first()
    .click();
  await page.locator("input[name=name]").fill("old-jwt");
  await page
    .getByRole("button", { name: /^(Add|Create|Save)/ })
    .last()
    .click();
  await expect(page.getByRole("link", { name: "old-jwt" })).toBeVisible();

  await page.goto(`${product.console}/projects/Default/proxies/Pet%20shelter`);
  await page.getByRole("link", { name: "Update endpoints from a document" }).click();
  await accessible(page);
  await page
    .locator("[name=content]")
    .fill(shelter(api.url, "  /keepers: { get: { summary: List the keepers } }").replaceAll("petId", "id"));
  await page.getByRole("button", { name: "Read the document" }).click();
  await expect(
    page.getByRole("heading", { name: "1 added, 1 changed, 1 removed, 2 unchanged" }),
  ).toBeVisible();
  await expect(page.getByText("GET /old: old-jwt")).toBeVisible();
  await accessible(page);
  await picture(page, "openapi-changes");
  await page.getByRole("button", { name: "Save" }).last().click();
  await expect(page.getByText("Pet shelter was saved. Redeploy it to production")).toBeVisible();
  expect(await endpoints(page)).toEqual([
    "GET /pets List the pets 0",
    "POST /pets Take a pet in 0",
    "GET /pets/{id} Show one pet 0",
    "GET /keepers List the keepers 0",
  ]);
  api.close();
});
