// An API's errors in the API's own shape: the templates of a proxy, from its form to what callers get.
import { accessible, expect, picture, test } from "./fixtures.ts";
import { createProxy, deploy, upstream } from "./steps.ts";

test("errors of a proxy are put into its template", async ({ signedIn: page, product }) => {
  const api = await upstream();
  await createProxy(page, product, "shaped", api.url);
  const edit = `${product.console}/projects/Default/proxies/shaped/edit`;
  const field = (name: string) => page.locator(`[name="errorTemplates.${name}"]`);
  await page.goto(edit);
  await expect(field("json.template")).toBeHidden();
  await page.getByRole("button", { name: "Add endpoint" }).click();
  await page.locator('[name="endpoints[0].path"]').fill("/pets");
  await field("json.enabled").check();
  await expect(field("json.template")).toHaveValue(/"faultCode": "#FAULTCODE#"/);
  await expect(field("xml.template")).toBeHidden();
  await field("json.template").fill("");
  await page.getByRole("button", { name: "Placeholders" }).filter({ visible: true }).click();
  await page.getByRole("button", { name: "#FAULTCODE#" }).click();
  await expect(field("json.template")).toHaveValue("#FAULTCODE#");
  await page.keyboard.press("Escape");

  // What is wrong stands beside the text, and stays in sight when the template is switched off.
  const wrong = '{"code": "#FAULTKODE#"}';
  await field("json.template").fill(wrong);
  await page.locator("[data-save]").click();
  await expect(field("json.template")).toBeFocused();
  await expect(field("json.template")).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByText("There is no placeholder #FAULTKODE#.").first()).toBeVisible();
  await accessible(page);
  await picture(page, "error-templates-wrong");
  await field("json.enabled").uncheck();
  await expect(field("json.template")).toBeVisible();
  await expect(field("json.template")).toHaveValue(wrong);

  await field("json.enabled").check();
  await field("json.template").fill(`{"code": "#FAULTCODE#", "path": "#{request.uri}", "help": "\${HELP}"}`);
  // What callers get is drawn while somebody types.
  const shots = page.locator("#templates-shots");
  await expect(shots).toContainText('{"code": "ERR-044", "path": "/shaped/42", "help": ""}');
  await page.getByLabel("When the gateway answers with").selectOption("API_METHOD_NOTFOUND");
  await expect(shots).toContainText("404 Not Found");
  await accessible(page);
  await picture(page, "error-templates-preview");
  await page.locator("[data-save]").click();
  await expect(page.getByText("JSON template · application/json; charset=utf-8")).toBeVisible();
  await accessible(page);

  // A value that the environment has not is asked for before anything goes live.
  await page.goto(`${product.console}/projects/Default/proxies/shaped/deploy/production`);
  await page
    .getByRole("button", { name: /^Deploy/ })
    .last()
    .click();
  await expect(page.getByText("The environment has no variable HELP.")).toBeVisible();
  await page.goto(`${product.console}/environments/production/variables`);
  await page
    .getByRole("link", { name: /variable/ })
    .last()
    .click();
  await page.locator("[name=name]").fill("HELP");
  await page.locator("[name=value]").fill('say "ğ"');
  await page.locator("[data-save]").click();
  await expect(page.getByText("HELP was added to production.")).toBeVisible();
  await deploy(page, product, "shaped");

  const refused = await fetch(`${product.gateway}/shaped/dogs/ş?x=1`);
  expect(refused.status).toBe(404);
  expect(refused.headers.get("content-type")).toBe("application/json; charset=utf-8");
  const path = (await refused.clone().json()).path;
  expect(await refused.text()).toBe(`{"code": "ERR-006", "path": "${path}", "help": "say \\"ğ\\""}`);
  expect(decodeURI(path)).toBe("/shaped/dogs/ş");

  // Without a script the section is all there, and switching off goes back to the gateway's own answer.
  const plain = await page
    .context()
    .browser()
    ?.newContext({
      javaScriptEnabled: false,
      storageState: await page.context().storageState(),
    });
  const old = await plain?.newPage();
  if (!old) throw new Error("no page without JavaScript");
  await old.goto(edit);
  await expect(old.locator('[name="errorTemplates.xml.template"]')).toBeVisible();
  await old.locator('[name="errorTemplates.json.enabled"]').uncheck();
  await old.locator("[data-save]").click();
  await expect(old.getByText("Callers get the gateway's own error answers.")).toBeVisible();
  await plain?.close();
  await page.goto(`${product.console}/projects/Default/proxies/shaped/deploy/production`);
  await page.getByRole("button", { name: "Redeploy to production" }).last().click();
  await expect(page.getByText("Taken over by 1 gateway node.")).toBeVisible();
  const standard = await fetch(`${product.gateway}/shaped/dogs`);
  expect(await standard.json()).toEqual({ statusCode: 404, message: expect.any(String) });
  api.close();
});
