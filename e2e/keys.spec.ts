// The keys of an environment, in the browser: one's own key is added, made to
// sign where none does, replaced, and taken away.
import { expect, test } from "./fixtures.ts";

test("a key is added, started, rotated and revoked", async ({ signedIn: page, product }) => {
  const list = `${product.console}/environments/production/keys`;
  const row = (state: string) =>
    page.getByRole("row").filter({ hasText: "ES512" }).filter({ hasText: state });
  const choose = async (state: string, action: string) => {
    await row(state)
      .getByRole("button", { name: /^Actions for/ })
      .click();
    await page.locator("[data-menu]:popover-open").getByRole("link", { name: action }).click();
  };

  await page.goto(`${product.console}/environments/production/new/keys?algorithm=ES512`);
  await page.getByRole("button", { name: "Add key" }).click();
  await expect(page.getByText("No key signs there yet")).toBeVisible();
  await choose("Next", "Start signing with this key");
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("Nothing signs for ES512 in production yet");
  await expect(dialog).toContainText("as soon as every gateway node knows it");
  await dialog.getByRole("button", { name: "Start signing" }).click();
  await expect(page.getByText("signs for ES512 in production from now on")).toBeVisible();
  await expect(row("Active")).toBeVisible();

  // From now on it is a key like any other.
  await choose("Active", "Rotate");
  await dialog.getByRole("button", { name: "Rotate" }).click();
  await expect(row("Retiring")).toBeVisible();
  await expect(row("Active")).toBeVisible();
  await choose("Retiring", "Revoke in an emergency");
  const kid = (await dialog.getByRole("heading").innerText()).replace(/^Revoke the key (.*)\?$/, "$1");
  await dialog.getByRole("textbox").fill(kid);
  await dialog.getByRole("button", { name: "Revoke key" }).click();
  await expect(page.getByText(`The key ${kid} was revoked`)).toBeVisible();

  // Everybody who verifies tokens has heard of it.
  const published = await (await fetch(`${product.gateway.replace(/\/$/, "")}/.well-known/jwks.json`)).text();
  expect(published).not.toContain(kid);
  expect(published).toContain("P-521");
  expect(published).not.toContain('"d"');
  await page.goto(list);
  await expect(row("Active")).toBeVisible();
});
