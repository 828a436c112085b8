// Who may do what: an administrator makes a role and a user and adds them to a project; the user signs in, sees what is
// theirs and nothing else, and makes a token for a program.
import type { Page } from "@playwright/test";
import { accessible, expect, picture, test } from "./fixtures.ts";
import { copied } from "./steps.ts";

const own = "a password of my own";

test("an administrator adds somebody to a project, who sees only that", async ({
  signedIn: page,
  product,
  browser,
}) => {
  const at = (path: string) => `${product.console}${path}`;

  await page.goto(at("/new/roles"));
  await page.locator("[name=name]").fill("Releaser");
  await page.getByRole("checkbox", { name: "APIs: Deploy" }).check();
  await accessible(page);
  await picture(page, "people-role");
  await page.getByRole("button", { name: "Create role" }).click();
  await expect(page.getByRole("link", { name: "Releaser" })).toBeVisible();
  await accessible(page);

  await page.goto(at("/new/users"));
  await page.locator("[name=name]").fill("grace");
  await page.locator("[name=fullName]").fill("Grace Hopper");
  await accessible(page);
  await page.getByRole("button", { name: "Create user" }).click();
  await expect(page.getByText("Copy the password now")).toBeVisible();
  const password = await copied(page, "Copy the password");

  await page.goto(at("/users?q=hopper"));
  await expect(page.getByRole("row", { name: /grace/ })).toContainText("Member");
  await accessible(page);
  await picture(page, "people-users");

  await page.goto(at("/projects/Default/members"));
  await accessible(page);
  await page.locator("[name=user]").fill("grace");
  await page.getByRole("checkbox", { name: "Releaser" }).check();
  await page.getByRole("button", { name: "Add member" }).click();
  await expect(page.getByRole("row", { name: /Grace Hopper/ })).toContainText("Releaser");
  await picture(page, "people-members");
  await page.goto(at("/sign-in-settings"));
  await accessible(page);
  await page.goto(at("/projects"));
  await accessible(page);

  const context = await browser.newContext();
  const grace = await context.newPage();
  await enter(grace, at("/sign-in"), "grace", password);
  await grace.locator("[name=currentPassword]").fill(password);
  await grace.locator("[name=newPassword]").fill(own);
  await grace.locator("[name=confirmPassword]").fill(own);
  await grace.getByRole("button", { name: "Change password" }).click();
  await expect(grace.getByText("Your password was changed")).toBeVisible();

  await grace.goto(at("/"));
  await expect(grace).toHaveURL(/\/projects\/Default\/dashboard$/);
  const menu = grace.getByRole("navigation").first();
  await expect(menu.getByRole("link", { name: "API Proxies" })).toBeVisible();
  for (const other of ["Credentials", "Users", "Audit", "Environments", "Members"])
    await expect(menu.getByRole("link", { name: other, exact: true })).toHaveCount(0);
  await expect(grace.getByRole("link", { name: "Create proxy" })).toHaveCount(0);
  for (const path of ["/users", "/projects/Demo/proxies", "/projects/Default/credentials"])
    expect((await grace.goto(at(path)))?.status(), path).toBe(403);

  await grace.goto(at("/account"));
  await accessible(grace);
  await picture(grace, "people-account");
  await grace.locator("#token-form [name=name]").fill("pipeline");
  await grace.getByRole("button", { name: "Create token" }).click();
  await expect(grace.getByText("Copy the token now")).toBeVisible();
  expect(await copied(grace, "Copy the token")).toMatch(/^gwp_/);
  await grace.getByRole("link", { name: "I have copied it" }).click();
  await grace.getByRole("link", { name: "Revoke pipeline" }).click();
  await grace.getByRole("button", { name: "Revoke token" }).click();
  await expect(grace.getByText("pipeline was revoked")).toBeVisible();
  await expect(grace.getByText("No personal tokens")).toBeVisible();

  await page.goto(at("/users?q=grace"));
  await page.getByRole("button", { name: "Actions for grace" }).click();
  await page.getByRole("button", { name: "Lock" }).click();
  await expect(page.getByText("grace was locked and is signed out everywhere")).toBeVisible();
  await grace.goto(at("/"));
  await expect(grace).toHaveURL(/\/sign-in/);
  await context.close();
});

async function enter(page: Page, address: string, name: string, password: string): Promise<void> {
  await page.goto(address);
  await page.locator("input[name=name]").fill(name);
  await page.locator("input[name=password]").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/account$/);
}
