// What callers read when they are refused: worded in the console, previewed, and received byte for byte.
import type { Page } from "@playwright/test";
import { accessible, expect, picture, test } from "./fixtures.ts";
import type { Product } from "./product.ts";
import { createProxy, deploy, guard, upstream } from "./steps.ts";

const type = "policy-auth-jwt";
const notValid = "errors.POLICY_AUTH_JWT_NOT_VALID.";

test.use({ flags: ["--log-level=warn"] });

/** row is the part of the form about an error. */
function row(page: Page, error: string) {
  return page.locator(`#errors-row-errors-${error}`);
}

/** previewed is an answer as it is shown: status and body. */
async function previewed(page: Page, error: string, title: string) {
  const shot = row(page, error)
    .locator(".ErrorShot")
    .filter({ has: page.locator(".CodeBlock-title", { hasText: title }) });
  const text = await shot.locator("pre code").evaluate((code) => code.textContent ?? "");
  const [head = "", ...body] = text.split("\n\n");
  return { status: Number(head.split(" ")[1]), type: header(head, "Content-Type"), body: body.join("\n\n") };
}

function header(head: string, name: string): string {
  return new RegExp(`^${name}: (.*)$`, "m").exec(head)?.[1] ?? "";
}

/** received is what a caller gets. */
async function received(product: Product, path: string, headers: Record<string, string> = {}) {
  const answer = await fetch(product.gateway + path, { headers });
  return {
    status: answer.status,
    type: answer.headers.get("Content-Type") ?? "",
    body: await answer.text(),
  };
}

test("a refusal is worded, previewed, deployed and arrives byte for byte", async ({
  signedIn: page,
  product,
}) => {
  const api = await upstream();
  await createProxy(page, product, "worded", api.url);
  await page.goto(`${product.console}/projects/Default/proxies/worded/bindings/new/${type}?pipeline=REQUEST`);
  await page.locator("input[name=name]").fill("worded-jwt");
  const tab = page.getByRole("link", { name: /^Error messages/ });
  await tab.click();
  const error = row(page, "POLICY_AUTH_JWT_NOT_VALID");
  const field = (name: string) => error.locator(`[name="${notValid}${name}"]`);
  await error.locator("summary").click();
  await expect(error.locator(".ErrorShot")).toHaveCount(1);
  expect(await previewed(page, "POLICY_AUTH_JWT_NOT_VALID", "Always")).toMatchObject({ status: 401 });

  await field("status").fill("419");
  await field("message").fill('Erişim reddedildi: "token" <geçersiz>');
  await expect(error.locator(".ErrorShot")).toHaveAttribute("data-shot", "419");
  await expect(error.locator("summary")).toContainText("status 419, message");
  await expect(tab).toContainText("1");
  await expect(field("message")).toBeFocused();

  // Partners read something else.
  await error.getByRole("button", { name: "Add response rule" }).click();
  await expect(field("rules.0.name")).toBeFocused();
  await field("rules.0.name").fill("İş ortakları <script>");
  await error.getByRole("button", { name: "Add rule", exact: true }).click();
  await expect(field("rules.0.condition.0.first")).toBeFocused();
  await field("rules.0.condition.0.first.text").fill("X-Partner");
  await field("rules.0.condition.0.value").fill("yes");
  await field("rules.0.template").fill('{"for":"partners","why":"#NOSUCH#"}');
  await expect(error.getByText("There is no placeholder #NOSUCH#.").first()).toBeVisible();
  await expect(field("rules.0.template")).toHaveAttribute("aria-invalid", "true");
  await expect(error.getByText("Correct what is wrong to see the answer.")).toBeVisible();

  // It is refused from another tab, too, and the cursor finds it.
  await page.getByRole("link", { name: /^Definition/ }).click();
  await page.getByRole("button", { name: "Add policy" }).click();
  await expect(field("rules.0.template")).toBeFocused();
  await expect(field("rules.0.template")).toHaveValue('{"for":"partners","why":"#NOSUCH#"}');
  await field("rules.0.template").fill('{"for":"partners","code":""}');
  await field("rules.0.template").evaluate((e: HTMLTextAreaElement) => e.setSelectionRange(26, 26));
  await error.getByRole("button", { name: "Placeholders" }).last().click();
  await page.getByRole("button", { name: /^#FAULTCODE#/ }).click();
  await expect(field("rules.0.template")).toHaveValue('{"for":"partners","code":"#FAULTCODE#"}');
  await expect(field("rules.0.template")).toBeFocused();
  await field("rules.0.answer").fill("402");
  await expect(error.locator(".ErrorShot")).toHaveCount(2);
  await expect(error.locator(".ErrorShot").first()).toHaveAttribute("data-shot", "402");
  await expect(error.locator(".ErrorShot").last()).toContainText("the policy's customized message");
  const partner = await previewed(page, "POLICY_AUTH_JWT_NOT_VALID", "When rule");
  const other = await previewed(page, "POLICY_AUTH_JWT_NOT_VALID", "When no rule applies");
  expect(partner).toMatchObject({ status: 402, body: '{"for":"partners","code":"ERR-044"}' });
  await accessible(page);
  await picture(page, "errors-policy");

  await page.getByRole("button", { name: "Add policy" }).click();
  await page.getByRole("link", { name: "worded-jwt" }).click();
  await expect(page.getByText("İş ortakları <script>: status 402")).toBeVisible();
  await picture(page, "errors-view");
  await deploy(page, product, "worded");

  const token = { Authorization: "Bearer nonsense" };
  expect(await received(product, "/worded/orders", token)).toEqual(other);
  expect(await received(product, "/worded/orders", { ...token, "X-Partner": "yes" })).toEqual(partner);
  expect((await received(product, "/worded/orders")).status).toBe(401);
  api.close();
});

test("one template answers everything that a policy refuses", async ({ signedIn: page, product }) => {
  await page.goto(`${product.console}/projects/Default/new/policies/${type}#errors`);
  const everything = row(page, "all");
  await everything.getByRole("switch", { name: "Answer everything with one template" }).check();
  await everything.locator("[name='errors.all.template']").fill('{"error":');
  await expect(everything.getByText(/This is not valid JSON/).first()).toBeVisible();
  await everything.locator("[name='errors.all.template']").fill('{"error":"#FAULTCODE#"}');
  await everything.locator("[name='errors.all.answer']").fill("418");
  await everything
    .locator("[name='errors.all.reason']")
    .selectOption({ label: "ERR-104 You have not the role that this call needs." });
  await expect(everything.locator(".ErrorShot pre")).toContainText('{"error":"ERR-104"}');
  await expect(everything.locator(".ErrorShot")).toHaveAttribute("data-shot", "418");
  const error = row(page, "POLICY_AUTH_JWT_NOT_VALID");
  await error.locator("summary").click();
  await expect(error.locator(".ErrorShot pre")).toContainText('{"error":"ERR-044"}');
  await expect(
    error.getByText("it answers in place of these fields and rules", { exact: false }),
  ).toBeVisible();
  await everything.locator("[name='errors.all.answer']").fill("409");
  await expect(error.locator(".ErrorShot")).toHaveAttribute("data-shot", "409");
  await accessible(page);
});

test("the platform's wording takes effect without a deploy", async ({ signedIn: page, product }) => {
  const api = await upstream();
  await createProxy(page, product, "catalogued", api.url);
  await guard(page, product, "catalogued", async () => {});
  await deploy(page, product, "catalogued");
  const standard = await received(product, "/catalogued/orders");
  expect(standard.status).toBe(401);

  await page.getByRole("link", { name: "Error Messages", exact: true }).click();
  await page.getByRole("searchbox").fill("ERR-032");
  await page.keyboard.press("Enter");
  await expect(page.locator("tbody tr")).toHaveCount(1);
  await accessible(page);
  await picture(page, "errors-catalogue");
  await page.getByRole("link", { name: "ERR-032" }).click();
  const missing = "POLICY_AUTH_EMPTYUSERNAMEORPSSWD";
  await expect(row(page, missing).locator(".ErrorShot")).toHaveAttribute("data-shot", "401");
  await page.locator(`[name='errors.${missing}.message']`).fill("Önce oturum açın.");
  await page.locator(`[name='errors.${missing}.status']`).fill("403");
  await expect(row(page, missing).locator(".ErrorShot")).toHaveAttribute("data-shot", "403");
  const shown = await previewed(page, missing, "Always");
  await accessible(page);
  await picture(page, "errors-row");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByText("ERR-032 was saved and takes effect in every environment.")).toBeVisible();
  await expect.poll(() => received(product, "/catalogued/orders")).toEqual(shown);

  await page.getByRole("link", { name: "Reset", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("The standard answer is 401: Authentication is required.");
  await dialog.getByRole("button", { name: "Reset ERR-032" }).click();
  await expect.poll(() => received(product, "/catalogued/orders")).toEqual(standard);
  api.close();
});

test("rules are added and moved with the keyboard alone", async ({ signedIn: page, product }) => {
  await page.goto(`${product.console}/projects/Default/new/policies/${type}#errors`);
  const error = row(page, "POLICY_AUTH_JWT_NOT_VALID");
  const tabTo = async (target: ReturnType<Page["locator"]>) => {
    for (let i = 0; i < 120; i++) {
      if (await target.evaluate((e) => e === document.activeElement)) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`the Tab key does not get to ${target}`);
  };
  await page.getByRole("switch", { name: "Answer everything with one template" }).focus();
  await tabTo(error.locator("summary"));
  await page.keyboard.press("Enter");
  for (const name of ["first", "second"]) {
    await tabTo(error.getByRole("button", { name: "Add response rule" }));
    await page.keyboard.press("Enter");
    const added = error.locator(`[name$='rules.${name === "first" ? 0 : 1}.name']`);
    await expect(added).toBeFocused();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type(name);
  }
  await tabTo(error.getByRole("button", { name: "Move response rule 2 up" }));
  await page.keyboard.press("Enter");
  await expect(error.getByRole("button", { name: "Move response rule 1 down" })).toBeFocused();
  await expect(error.locator("[name$='rules.0.name']")).toHaveValue("second");
  await expect(error.locator("[name$='rules.1.name']")).toHaveValue("first");
  await page.keyboard.press("Enter");
  await expect(error.getByRole("button", { name: "Move response rule 2 up" })).toBeFocused();
  await expect(error.locator("[name$='rules.0.name']")).toHaveValue("first");
});

test("without JavaScript a rule is added and shown what it answers", async ({ browser, product }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${product.console}/sign-in`);
  await page.locator("input[name=name]").fill("admin");
  await page.locator("input[name=password]").fill(product.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/projects\//);
  await page.goto(`${product.console}/projects/Default/new/policies/${type}`);
  await page.locator("input[name=name]").fill("plain errors");
  const error = row(page, "POLICY_AUTH_JWT_NOT_VALID");
  await error.locator("summary").click();
  await error.getByRole("button", { name: "Add response rule" }).click();
  await error.locator("[name$='rules.0.name']").fill("Everybody");
  await error.locator("[name$='rules.0.template']").fill('{"plain":true}');
  await error.getByRole("button", { name: "Show the answer" }).click();
  expect(await previewed(page, "POLICY_AUTH_JWT_NOT_VALID", "Rule “Everybody”")).toMatchObject({
    status: 401,
    body: '{"plain":true}',
  });
  await expect(page.locator("input[name=name]")).toHaveValue("plain errors");
  await page.getByRole("button", { name: "Create policy" }).click();
  await expect(page.getByText("Everybody: the status of the error")).toBeVisible();
  await context.close();
});
