// Who a policy applies to: a condition is built, tried, deployed and obeyed.
import { accessible, expect, picture, test } from "./fixtures.ts";
import { createProxy, deploy, upstream } from "./steps.ts";

const type = "policy-auth-jwt";

test.use({ flags: ["--log-level=warn"] });

test("a condition is built by clicking, tried with a curl line, deployed and obeyed", async ({
  signedIn: page,
  product,
}) => {
  const api = await upstream();
  await createProxy(page, product, "conditional", api.url);
  await page.goto(
    `${product.console}/projects/Default/proxies/conditional/bindings/new/${type}?pipeline=REQUEST`,
  );
  await page.locator("input[name=name]").fill("guarded");
  const tab = page.getByRole("link", { name: /^Conditions/ });
  await expect(tab).toContainText("none");
  await tab.click();
  const builder = page.locator("#condition-builder");
  const field = (name: string) => builder.locator(`[name="condition.${name}"]`);
  const sentence = builder.locator(".Conditions-sentence");
  await expect(sentence).toHaveText("Applies to every request.");

  // (X-Environment equals production AND path matches /api/admin/*) OR client address in 10.0.0.0/8
  await builder.getByRole("button", { name: "Add group" }).click();
  await builder
    .getByRole("group", { name: "the condition" })
    .getByRole("radio", { name: "OR" })
    .first()
    .check();
  await expect(builder.getByText("one rule is enough").first()).toBeVisible();
  await builder.getByRole("group", { name: "group 1" }).first().getByRole("radio", { name: "AND" }).check();
  await field("0.0.first.text").fill("X-Environment");
  await field("0.0.value").fill("production");
  await expect(field("0.0.value")).toBeFocused();
  await builder
    .getByRole("group", { name: "group 1" })
    .first()
    .getByRole("button", { name: "Add rule" })
    .click();
  await expect(field("0.1.first")).toBeFocused();
  await field("0.1.first").selectOption({ label: "Context value" });
  await field("0.1.first.context").selectOption({ label: "Path below the base path" });
  await field("0.1.operator").selectOption({ label: "Matches Path" });
  await field("0.1.value").fill("/api/admin/*");
  await builder.getByRole("button", { name: "Add rule" }).last().click();
  await field("1.first").selectOption({ label: "Context value" });
  await field("1.first.context").selectOption({ label: "Client address" });
  await field("1.operator").selectOption({ label: "In" });
  await field("1.value").fill("10.0.0.0/8");
  await field("1.value").blur();
  await expect(sentence).toHaveText(
    'Applies when (header X-Environment equals "production" and path below the base path matches the path "/api/admin/*") or client address is one of "10.0.0.0/8".',
  );
  await expect(tab).toContainText("3");
  await expect(builder.getByText("The caller writes header X-Environment")).toBeVisible();

  // Tried on a request.
  await builder.getByText("Try it on a request").click();
  await builder
    .locator("[name='sample.curl']")
    .fill(
      "curl -X DELETE -H 'X-Environment: production' \\\n  https://api.example.com/conditional/api/admin/users/7",
    );
  await builder.locator("[name='sample.base']").fill("/conditional");
  await builder.locator("[name='sample.address']").fill("192.0.2.1");
  await builder.getByRole("button", { name: "Test", exact: true }).click();
  await expect(builder.getByText("Met: the policy applies to this request.")).toBeVisible();
  await expect(builder.locator(".Rule .Light strong")).toHaveText(["True", "True", "False"]);
  await expect(builder.locator(".Rule .Light").first()).toContainText('saw "production"');
  await expect(builder.locator("[name='sample.method']")).toHaveValue("DELETE");
  await accessible(page);
  await picture(page, "conditions");

  // Enter in the sample tries it again and saves nothing.
  await builder.locator("[name='sample.headers']").fill("");
  await builder.locator("[name='sample.address']").fill("192.0.2.2");
  await builder.locator("[name='sample.address']").press("Enter");
  await expect(builder.getByText("Not met: this request goes on without the policy.")).toBeVisible();

  await page.getByRole("button", { name: "Add policy" }).click();
  await page.getByRole("link", { name: "guarded" }).click();
  await expect(page.getByText("Applies when (header X-Environment")).toBeVisible();
  await expect(page.getByText("The request goes on without this policy.")).toBeVisible();
  await deploy(page, product, "conditional");

  const status = async (path: string, headers: Record<string, string> = {}) =>
    (await fetch(`${product.gateway}/conditional${path}`, { headers })).status;
  expect(await status("/api/admin/users", { "X-Environment": "production" })).toBe(401);
  expect(await status("/api/admin/users", { "X-Environment": "staging" })).toBe(200);
  expect(await status("/api/orders", { "X-Environment": "production" })).toBe(200);
  api.close();
});

test("rules are moved by keys and by the pointer, and edited as JSON", async ({
  signedIn: page,
  product,
}) => {
  await page.goto(`${product.console}/projects/Default/new/policies/${type}#conditions`);
  const builder = page.locator("#condition-builder");
  const field = (name: string) => builder.locator(`[name="condition.${name}"]`);
  const values = () =>
    builder
      .locator("input[name$='.value']")
      .evaluateAll((all) => all.map((e) => (e as HTMLInputElement).value));
  for (const [i, value] of ["one", "two", "three"].entries()) {
    await builder.getByRole("button", { name: "Add rule" }).last().click();
    await expect(field(`${i}.first`)).toBeFocused();
    await field(`${i}.first.text`).fill("X");
    await field(`${i}.value`).fill(value);
  }
  await builder.getByRole("button", { name: "Move rule 3 up" }).focus();
  await page.keyboard.press("Enter");
  await expect(builder.getByRole("button", { name: "Move rule 2 up" })).toBeFocused();
  expect(await values()).toEqual(["one", "three", "two"]);

  await builder.getByRole("button", { name: "Add group" }).click();
  await field("3.0.first.text").fill("X");
  await field("3.0.value").fill("inner");
  await page.setViewportSize({ width: 1280, height: 1600 });
  const handle = builder.locator("[data-node='0'] [data-handle]");
  const target = builder.locator("[data-node='3.0']");
  const from = await handle.boundingBox();
  await handle.hover();
  await page.mouse.down();
  const to = await target.boundingBox();
  if (!from || !to) throw new Error("nothing to drag");
  await page.mouse.move(to.x + 60, to.y + to.height - 4, { steps: 8 });
  await page.mouse.up();
  await expect.poll(values).toEqual(["three", "two", "inner", "one"]);
  await expect(field("2.1.value")).toHaveValue("one");

  await builder.getByRole("button", { name: "Edit as JSON" }).click();
  const json = builder.locator("textarea[name='condition.json']");
  await expect(json).toBeFocused();
  const text = await json.inputValue();
  await json.fill(text.replace('"inner"', '"pasted"'));
  await accessible(page);
  await builder.getByRole("button", { name: "Edit as rules" }).click();
  await expect(field("2.0.value")).toHaveValue("pasted");

  // A rule that lacks something is found although another tab is shown.
  await page.getByRole("link", { name: /^Definition/ }).click();
  await page.locator("input[name=name]").fill("moved");
  await field("0.first.text").evaluate((e) => {
    (e as HTMLInputElement).value = "";
  });
  await page.getByRole("button", { name: "Create policy" }).click();
  await expect(field("0.first.text")).toBeFocused();
  await expect(builder.getByText("Enter the name of the header.")).toBeVisible();
  await field("0.first.text").fill("X");
  await page.getByRole("button", { name: "Create policy" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("moved");
});

test("what is typed while the tab is redrawn is kept, and the form counts the changes", async ({
  signedIn: page,
  product,
}) => {
  await page.goto(`${product.console}/projects/Default/new/policies/${type}#conditions`);
  const builder = page.locator("#condition-builder");
  const field = (name: string) => builder.locator(`[name="condition.${name}"]`);
  await page.locator("input[name=name]").evaluate((e) => {
    (e as HTMLInputElement).value = "redrawn";
  });
  await builder.getByRole("button", { name: "Add rule" }).click();
  await expect(field("0.first")).toBeFocused();
  let answer = () => {};
  const held = new Promise<void>((release) => {
    answer = release;
  });
  await page.route("**/check/policy-conditions/**", async (route) => {
    await held;
    await route.continue();
  });
  await field("0.first").selectOption({ label: "Query parameter" });
  await field("0.first.text").fill("status");
  await field("0.first.text").focus();
  answer();
  await expect(field("0.first.text")).toHaveAttribute("placeholder", "status");
  await expect(field("0.first.text")).toHaveValue("status");
  await expect(field("0.first.text")).toBeFocused();
  await page.unrouteAll();
  await field("0.operator").selectOption({ label: "Exists" });
  await expect(field("0.value")).toHaveCount(0);
  await page.getByRole("button", { name: "Create policy" }).click();
  await expect(page.getByText("Applies when query parameter status exists.")).toBeVisible();

  await page.getByRole("link", { name: "Edit" }).first().click();
  await page.getByRole("link", { name: /^Conditions/ }).click();
  const save = page.locator("[data-save]");
  await expect(save).toBeDisabled();
  await builder.getByRole("button", { name: "Remove rule 1" }).click();
  await expect(builder.getByRole("button", { name: "Add rule" })).toBeFocused();
  await expect(save).toBeEnabled();
  await save.click();
  await expect(page.getByText("Applies to every request.")).toBeVisible();
});

test("a variable is made and chosen beside its rule with the keyboard alone", async ({
  signedIn: page,
  product,
}) => {
  await page.goto(`${product.console}/projects/Default/new/policies/${type}#conditions`);
  const builder = page.locator("#condition-builder");
  const field = (name: string) => builder.locator(`[name="condition.${name}"]`);
  const dialog = page.getByRole("dialog");
  const keys = async (...all: string[]) => {
    for (const key of all) await page.keyboard.press(key);
  };
  await page.locator("input[name=name]").evaluate((e) => {
    (e as HTMLInputElement).value = "chosen";
  });
  await builder.getByRole("button", { name: "Add rule" }).click();
  await expect(field("0.first")).toBeFocused();
  await page.keyboard.type("Variable");
  await expect(field("0.first.text")).toBeVisible();
  await field("0.value").fill("typed before");
  await field("0.first.text").focus();

  // Made: what was searched for in vain is its name, and what is wrong loses nothing on either form.
  await keys("Tab", "Enter");
  await expect(dialog.getByRole("searchbox")).toBeFocused();
  await page.keyboard.type("body size");
  await expect(dialog.getByText("No variable matches.")).toBeVisible();
  await accessible(page);
  await keys("Tab", "Enter");
  await expect(dialog.locator("[name=name]")).toHaveValue("body size");
  await expect(dialog.locator("[name=name]")).toBeFocused();
  await keys("Tab");
  await page.keyboard.type("JSON");
  await keys("Control+s");
  await expect(dialog.locator("[name=jsonPathValue]")).toBeFocused();
  await expect(dialog.getByText("One thing needs attention")).toBeVisible();
  await expect(dialog.locator("[name=name]")).toHaveValue("body size");
  await accessible(page);
  await picture(page, "variable-here");
  await keys("Shift+Tab");
  await page.keyboard.type("Context");
  await keys("Tab");
  await page.keyboard.type("Content length");
  await keys("Control+s");
  await expect(dialog).toHaveCount(0);
  await expect(field("0.first.text")).toBeFocused();
  await expect(field("0.first.text")).toHaveValue("body size");
  await expect(page.getByText("body size was created.")).toBeVisible();
  await expect(field("0.type")).toHaveValue("NUMERIC");
  await expect(field("0.value")).toHaveValue("typed before");
  await expect(page.locator("input[name=name]")).toHaveValue("chosen");
  await expect(builder.locator(".Conditions-sentence")).toContainText("variable body size");

  // Chosen, on the other side: a list of what was typed before is waited for.
  await builder.getByLabel("Value source of rule 1").selectOption("VARIABLE");
  await field("0.second").selectOption("VARIABLE");
  await field("0.second.text").focus();
  await keys("Tab", "Enter");
  await expect(dialog.getByRole("row", { name: /body size/ })).toContainText("Content length");
  await page.keyboard.type("BODY");
  await keys("Enter");
  await expect(dialog.getByRole("button", { name: "body size" })).toBeFocused();
  await keys("ArrowUp");
  await expect(dialog.getByRole("searchbox")).toBeFocused();
  await accessible(page);
  await picture(page, "variable-chooser");
  await keys("ArrowDown", "Enter");
  await expect(field("0.second.text")).toBeFocused();
  await expect(field("0.second.text")).toHaveValue("body size");

  // Given up: the cursor comes back to the field, which stays as it was.
  await builder.getByRole("button", { name: "Choose the second variable of rule 1" }).click();
  await expect(dialog.getByRole("searchbox")).toBeFocused();
  await keys("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(field("0.second.text")).toBeFocused();
  await expect(field("0.second.text")).toHaveValue("body size");

  await builder.getByRole("button", { name: "Choose the variable of rule 1" }).click();
  await dialog.getByRole("cell", { name: "Content length" }).click();
  await expect(field("0.first.text")).toBeFocused();
  await page.getByRole("button", { name: "Create policy" }).click();
  await expect(
    page.getByText("Applies when variable body size equals variable body size as a number."),
  ).toBeVisible();
});

test("a saved condition is tried where it is read, in each environment", async ({
  signedIn: page,
  product,
  browser,
}) => {
  await page.goto(`${product.console}/environments/production/new/variables`);
  await page.locator("input[name=name]").fill("STAGE");
  await page.locator("textarea[name=value]").fill("live");
  await page.getByRole("button", { name: "Add variable" }).click();
  await expect(page.getByRole("row", { name: /STAGE/ })).toBeVisible();

  await page.goto(`${product.console}/projects/Default/new/policies/${type}#conditions`);
  const builder = page.locator("#condition-builder");
  await page.locator("input[name=name]").evaluate((e) => {
    (e as HTMLInputElement).value = "staged";
  });
  await builder.getByRole("button", { name: "Add group" }).click();
  const value = builder.locator("[name='condition.0.0.value']");
  await builder.locator("[name='condition.0.0.first.text']").fill("X-Stage");
  await value.fill("$" + "{REGION}");
  await builder.getByText("Try it on a request").click();
  await builder.getByRole("button", { name: "Test", exact: true }).click();
  await expect(value).toBeFocused();
  await expect(builder.locator(".Field-error")).toContainText("production has no variable REGION.");
  await expect(builder.getByLabel("Environment", { exact: true })).toHaveValue("production");
  await accessible(page);
  await value.fill("$" + "{STAGE}");
  await builder.locator("[name='sample.headers']").fill("X-Stage: live");
  await builder.getByRole("button", { name: "Test", exact: true }).click();
  await expect(builder.locator(".Rule .Light")).toHaveText(/True\s*saw "live"/);
  await page.getByRole("button", { name: "Create policy" }).click();

  const trial = page.locator("#condition-trial");
  await trial.getByText("Try the condition on a request").click();
  await trial.getByLabel("Paste a curl line").fill("curl -H 'X-Stage: secret' https://api.example.com/");
  await trial.getByRole("button", { name: "Test" }).click();
  await expect(trial.locator(".Rule .Light")).toHaveText(/False\s*saw "secret"/);
  await expect(trial.getByText("Not met: this request goes on without the policy.")).toBeVisible();
  await trial.getByLabel("Headers, one a line").fill("X-Stage: live");
  await trial.getByLabel("Client address").press("Enter");
  await expect(trial.getByText("Met: the policy applies to this request.")).toBeVisible();
  expect(page.url()).not.toContain("secret");
  await accessible(page);
  await picture(page, "condition-trial");
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);

  const plain = await browser.newContext({
    javaScriptEnabled: false,
    storageState: await page.context().storageState(),
  });
  const still = await plain.newPage();
  await still.goto(page.url());
  await still.getByText("Try the condition on a request").click();
  await still.locator("[name='sample.headers']").fill("X-Stage: live");
  await still.getByRole("button", { name: "Test" }).click();
  await expect(still.getByText("Met: the policy applies to this request.")).toBeVisible();
  await expect(still.locator("[name='sample.headers']")).toHaveValue("X-Stage: live");
  await plain.close();
});

test("without JavaScript rules are added, edited and removed", async ({ browser, product }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${product.console}/sign-in`);
  await page.locator("input[name=name]").fill("admin");
  await page.locator("input[name=password]").fill(product.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/projects\//);
  await page.goto(`${product.console}/projects/Default/new/policies/${type}`);
  const field = (name: string) => page.locator(`[name="condition.${name}"]`);
  await page.locator("input[name=name]").fill("plain conditions");
  await page.getByRole("button", { name: "Add rule" }).click();
  await field("0.first.text").fill("X-Environment");
  await field("0.value").fill("production");
  await page.getByRole("button", { name: "Add rule" }).click();
  await field("1.first.text").fill("X-Two");
  await page.getByRole("button", { name: "Move rule 2 up" }).click();
  await expect(field("0.first.text")).toHaveValue("X-Two");
  await page.getByRole("button", { name: "Remove rule 1" }).click();
  await expect(field("0.value")).toHaveValue("production");
  await field("0.first").selectOption({ label: "Variable by name" });
  await page.getByRole("button", { name: "Add rule" }).click();
  await expect(page.getByRole("link", { name: "Variables" }).last()).toHaveAttribute("target", "_blank");
  await expect(page.getByRole("button", { name: "Choose the variable of rule 1" })).toBeHidden();
  await page.getByRole("button", { name: "Remove rule 2" }).click();
  await field("0.first").selectOption({ label: "Header" });
  await expect(page.locator("input[name=name]")).toHaveValue("plain conditions");
  await page.getByRole("button", { name: "Create policy" }).click();
  await expect(page.getByText('Applies when header X-Environment equals "production".')).toBeVisible();

  await page.getByRole("link", { name: "Edit" }).first().click();
  await field("0.value").fill("staging");
  await page.getByRole("button", { name: /^Save/ }).click();
  await expect(page.getByText('Applies when header X-Environment equals "staging".')).toBeVisible();

  await page.getByRole("link", { name: "Edit" }).first().click();
  await page.getByRole("button", { name: "Remove rule 1" }).click();
  await expect(page.getByText("Applies to every request.")).toBeVisible();
  await page.getByRole("button", { name: /^Save/ }).click();
  await expect(page.getByText("Applies to every request.")).toBeVisible();
  await context.close();
});

test("what is typed while the rules are redrawn stands in the sentence", async ({
  signedIn: page,
  product,
}) => {
  await page.goto(`${product.console}/projects/Default/new/policies/policy-auth-jwt`);
  await page.getByRole("link", { name: /^Conditions/ }).click();
  const builder = page.locator("#condition-builder");
  const field = (name: string) => builder.locator(`[name="condition.${name}"]`);
  await builder.getByRole("button", { name: "Add rule" }).click();
  await field("0.first.text").fill("X-Environment");
  await field("0.first.text").blur();
  const sentence = builder.locator(".Conditions-sentence");
  await expect(sentence).toContainText("header X-Environment equals");
  let answer = () => {};
  const held = new Promise<void>((release) => {
    answer = release;
  });
  await page.route(
    "**/check/policy-conditions/**",
    async (route) => {
      await held;
      await route.continue();
    },
    { times: 1 },
  );
  await field("0.operator").selectOption({ label: "Contains" });
  await field("0.value").fill("prod");
  await field("0.value").blur();
  answer();
  await expect(sentence).toHaveText('Applies when header X-Environment contains "prod".');
  await expect(field("0.value")).toHaveValue("prod");
});
