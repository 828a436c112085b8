// Variables of a project and of an environment: made, changed and deleted in the
// console, by mouse and by keyboard, wide and on a phone.
import type { Page } from "@playwright/test";
import { accessible, expect, picture, test } from "./fixtures.ts";

// A product of its own: the journeys begin without variables, which others leave.
test.use({ flags: ["--log-format=json"] });

/** fits fails where the page is wider than a phone. */
async function fits(page: Page): Promise<void> {
  await page.setViewportSize({ width: 390, height: 844 });
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow, "the page scrolls sideways on a phone").toBeLessThanOrEqual(0);
  await page.setViewportSize({ width: 1440, height: 900 });
}

/** sound looks at the page with axe, keeps pictures of it, and sees that it fits on a phone. */
async function sound(page: Page, name: string): Promise<void> {
  await accessible(page);
  await picture(page, name);
  await fits(page);
}

test("a variable is created, edited and deleted", async ({ signedIn: page, product }) => {
  await page.goto(`${product.console}/projects/Demo/variables`);
  await expect(page.getByRole("heading", { name: "No variable yet" })).toBeVisible();
  await sound(page, "variables-empty");

  await page.getByRole("link", { name: "Begin with X-Environment header" }).click();
  await expect(page.locator("input[name=headerName]")).toHaveValue("X-Environment");
  const kind = page.getByLabel("Where the value stands");
  await kind.selectOption("PATH");
  await expect(page.locator("input[name=headerName]")).toBeHidden();
  await page.locator("input[name=paramName]").fill("id");
  await page.locator("input[name=paramPath]").fill("orders");
  await page.locator("input[name=zoneId]").fill("Mars/Base");
  await page.keyboard.press("Control+s");
  await expect(page.getByRole("alert")).toContainText("2 things need attention");
  await expect(page.locator("input[name=paramPath]")).toBeFocused();
  await sound(page, "variable-refused");

  await kind.selectOption("CONTEXT_VALUES");
  const context = page.locator("select[name=contextValue]");
  await context.selectOption("REQUEST_REMOTE_ADDRESS");
  await expect(page.getByText("The caller's IP address, after trusted proxies.")).toBeVisible();
  await expect(page.locator("input[name=zoneId]")).toBeHidden();
  await context.selectOption("DATETIME_HOUR");
  await expect(page.locator("input[name=zoneId]")).toHaveValue("Mars/Base");
  await kind.selectOption("HEADER");
  await expect(page.locator("input[name=headerName]")).toHaveValue("X-Environment");
  await page.locator("input[name=zoneId]").fill("");
  await page.locator("input[name=name]").fill("Ölçüm <b>");
  await expect(page.getByText("Available")).toBeVisible();
  await page.getByRole("button", { name: "Create variable" }).click();
  await expect(page.getByRole("row", { name: /Ölçüm <b>/ })).toContainText("header X-Environment");
  await sound(page, "variables");

  await page.getByRole("link", { name: "Ölçüm <b>" }).click();
  await page.locator("input[name=headerName]").fill("X-Stage");
  await sound(page, "variable-edit");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("row", { name: /Ölçüm <b>/ })).toContainText("header X-Stage");

  await page.getByRole("button", { name: "Actions for Ölçüm <b>" }).click();
  await page.getByRole("link", { name: "Delete" }).click();
  await expect(page.getByRole("dialog")).toContainText("No policy refers to it");
  await page.getByRole("dialog").getByRole("button", { name: "Delete variable" }).click();
  await expect(page.getByRole("heading", { name: "No variable yet" })).toBeVisible();
});

test("an environment variable is added, edited and deleted", async ({ signedIn: page, product }) => {
  await page.goto(`${product.console}/environments/production/variables`);
  await expect(page.getByText("No place for secrets")).toBeVisible();
  await sound(page, "environment-variables-empty");

  await page.getByRole("link", { name: "Add variable" }).click();
  await expect(page.locator("input[name=name]")).toBeFocused();
  await page.keyboard.type("1ST");
  await page.keyboard.press("Control+s");
  await expect(page.getByRole("alert")).toContainText("beginning with no digit");
  await expect(page.locator("input[name=name]")).toBeFocused();
  await sound(page, "environment-variable-refused");
  await page.locator("input[name=name]").fill("A".repeat(255));
  await page.locator("textarea[name=value]").fill("10.0.0.0/8#".repeat(100));
  await page.getByRole("button", { name: "Add variable" }).click();
  await expect(page.getByRole("row", { name: /A{255}/ })).toContainText("10.0.0.0/8");
  await sound(page, "environment-variables");

  await page.getByRole("link", { name: "A".repeat(255) }).click();
  await page.locator("textarea[name=value]").fill("127.0.0.1");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("row", { name: /A{255}/ })).toContainText("127.0.0.1");
  await page.getByRole("button", { name: /^Actions for/ }).click();
  await page.getByRole("link", { name: "Delete" }).click();
  await fits(page);
  await page.getByRole("dialog").getByRole("button", { name: "Delete variable" }).click();
  await expect(page.getByRole("heading", { name: "No variable in production yet" })).toBeVisible();
});
