// What JavaScript adds to the pages: forms that watch themselves, lists for the
// keyboard, menus and dialogs. Each test makes what it needs under a name of its own.
import type { Dialog, Locator, Page } from "@playwright/test";
import { expect, test } from "./fixtures.ts";
import type { Product } from "./product.ts";

const type = "policy-auth-jwt";

/** unique is a name that no other test, and no repetition of this one, has. */
function unique(word: string): string {
  return `${word}-${crypto.randomUUID().slice(0, 8)}`;
}

/** post sends a form as a browser without JavaScript does. */
async function post(page: Page, address: string, form: Record<string, string>): Promise<void> {
  const answer = await page.request.post(address, { form });
  expect(answer.status(), `${address} ${form.name}`).toBe(200);
}

/** policy creates a global policy of the demo project and returns the address of its page. */
async function policy(page: Page, product: Product, name: string): Promise<string> {
  await post(page, `${product.console}/projects/Demo/new/policies/${type}`, {
    name,
    active: "true",
    managedFromThisPolicy: "true",
    setIdentityToContext: "true",
    grantType: "CLIENT_CREDENTIALS",
    tokenExpiresInAmount: "15",
    tokenExpiresInUnit: "MINUTES",
    jwtSignatureAlgorithm: "RS256",
    leewaySeconds: "30",
    userHeaderName: "X-Authenticated-UserId",
  });
  return `${product.console}/projects/Demo/policies/${type}/${name}`;
}

/** policies creates one policy for each ending and opens the list of just these. */
async function policies(page: Page, product: Product, ...endings: string[]): Promise<string[]> {
  const word = unique("row");
  const names = endings.map((ending) => `${word}-${ending}`);
  for (const name of names) await policy(page, product, name);
  await page.goto(`${product.console}/projects/Demo/policies/${type}?q=${word}`);
  await expect(page.locator("[data-row]")).toHaveCount(names.length);
  return names;
}

/** edit opens the form of a policy of its own. */
async function edit(page: Page, product: Product): Promise<string> {
  const view = await policy(page, product, unique("form"));
  await page.goto(`${view}/edit`);
  return view;
}

/** questions collects what the browser asks before it leaves a page, and lets it leave. */
function questions(page: Page): string[] {
  const asked: string[] = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.type());
    void dialog.accept();
  });
  return asked;
}

/** inMenu is an entry of the main menu. */
function inMenu(page: Page, name: string): Locator {
  return page.getByRole("navigation", { name: "Main menu" }).getByRole("link", { name });
}

/** leaves follows a link off the page and gives the answer to the question that must come. */
async function leaves(page: Page, answer: (question: Dialog) => Promise<void>): Promise<void> {
  const asked = page.waitForEvent("dialog").then(async (question) => {
    expect(question.type()).toBe("beforeunload");
    await answer(question);
  });
  await Promise.all([asked, inMenu(page, "Audit").click({ noWaitAfter: true })]);
}

/** replaced marks an element; what it returns passes when the page has a fresh one in its place. */
async function replaced(element: Locator): Promise<() => Promise<void>> {
  await element.evaluate((e) => e.setAttribute("data-stale", ""));
  const page = element.page();
  return () => expect(page.locator("[data-stale]")).toHaveCount(0);
}

test("a form counts its changes, and what is undone is no change", async ({ signedIn: page, product }) => {
  await edit(page, product);
  const save = page.getByRole("button", { name: "Save" });
  const changes = page.locator("[data-changes]");
  const description = page.locator("textarea[name=description]");
  await expect(save).toBeDisabled();
  await expect(changes).toBeEmpty();

  await description.fill("Tokens for partners");
  await expect(changes).toHaveText("1 change");
  await expect(save).toBeEnabled();
  await page.getByLabel("Clear Authentication Data").check();
  await expect(changes).toHaveText("2 changes");

  await description.fill("");
  await page.getByLabel("Clear Authentication Data").uncheck();
  await expect(changes).toBeEmpty();
  await expect(save).toBeDisabled();

  // Characters are counted as people do, not in the units of JavaScript, and more than allowed can be typed.
  await description.fill("🔑".repeat(1001));
  await expect(page.getByText("1001 / 1000")).toHaveClass(/is-over/);
  await expect(description).toHaveValue("🔑".repeat(1001));

  const chosen = page.locator("select[name=jwtSignatureAlgorithm]");
  const words = page.locator(".Field-control", { has: chosen }).locator(".Field-choice");
  const before = await words.innerText();
  await chosen.selectOption("ES256");
  await expect(words).not.toHaveText(before);
  await expect(words).not.toBeEmpty();
});

test("a form with changes asks before it is left, and staying loses nothing", async ({
  signedIn: page,
  product,
}) => {
  const view = await edit(page, product);
  const description = page.locator("textarea[name=description]");
  await description.fill("Half a sentence");
  await leaves(page, (question) => question.dismiss());
  await expect(page).toHaveURL(`${view}/edit`);
  await expect(description).toHaveValue("Half a sentence");
  await leaves(page, (question) => question.accept());
  await expect(page).toHaveURL(/\/audit/);

  // Discarding says already that the changes are not wanted.
  await page.goto(`${view}/edit`);
  const asked = questions(page);
  await description.fill("Another half");
  await page.getByRole("link", { name: "Discard" }).click();
  await expect(page).toHaveURL(view);
  expect(asked).toEqual([]);
});

test("Ctrl-S saves, and nothing is asked after it", async ({ signedIn: page, product }) => {
  const view = await edit(page, product);
  const asked = questions(page);
  await page.locator("textarea[name=description]").fill("Saved by two keys");
  await page.keyboard.press("Control+s");
  await expect(page).toHaveURL(view);
  await expect(page.getByText("Saved by two keys").first()).toBeVisible();
  await inMenu(page, "Audit").click();
  await expect(page).toHaveURL(/\/audit/);
  expect(asked).toEqual([]);
});

test("a form that is being saved takes no input", async ({ signedIn: page, product }) => {
  const view = await edit(page, product);
  let release = () => {};
  const released = new Promise<void>((go) => {
    release = go;
  });
  await page.route(`${view}/edit`, async (route) => {
    await released;
    await route.continue();
  });
  const form = page.locator("#policy-form");
  const description = page.locator("textarea[name=description]");
  await description.fill("In time");
  await page.locator("input[name=tokenExpiresInAmount]").fill("soon");
  await page.keyboard.press("Control+s");
  await expect(form).toHaveJSProperty("inert", true);
  await expect(page.getByRole("button", { name: "Save", includeHidden: true })).toBeDisabled();
  await description.evaluate((area: HTMLElement) => area.focus());
  await page.keyboard.type(", too late");
  await expect(description).toHaveValue("In time");

  // The answer brings the form back, with the cursor in what is wrong.
  release();
  await expect(page.locator("input[name=tokenExpiresInAmount]")).toBeFocused();
  await expect(form).toHaveJSProperty("inert", false);
  await expect(page.locator("[data-changes]")).toHaveText("2 changes");
  await description.press("End");
  await page.keyboard.type(" again");
  await expect(description).toHaveValue("In time again");
  await leaves(page, (question) => question.dismiss());
});

test("an answer without the form does not take its place", async ({ signedIn: page, product }) => {
  const view = await edit(page, product);
  await page.route(`${view}/edit`, (route) =>
    route.fulfill({ status: 409, contentType: "text/html", body: "<h1>The door is shut</h1>" }),
  );
  const description = page.locator("textarea[name=description]");
  await description.fill("Worth keeping");
  await page.getByRole("button", { name: "Save" }).click();
  const toast = page.locator("[data-toast]", { hasText: "Nothing was saved. The door is shut" });
  await expect(toast).toBeVisible();
  await expect(description).toHaveValue("Worth keeping");
  await expect(page.locator("#policy-form")).toHaveJSProperty("inert", false);
  await toast.getByRole("button", { name: "Dismiss" }).click();
  await expect(toast).toHaveCount(0);
  await leaves(page, (question) => question.dismiss());
});

test("good news goes after a while, but not from under the reader; bad news stays", async ({
  signedIn: page,
  product,
}) => {
  await page.clock.install();
  await policies(page, product, "a");
  await page.clock.pauseAt(Date.now() + 60_000);
  await page.getByRole("switch").click();
  const news = page.locator("[data-toasts] [data-toast]", { hasText: "is passive now" });
  await expect(news).toBeVisible();
  await news.getByRole("button", { name: "Dismiss" }).focus();
  await page.clock.runFor(60_000);
  await expect(news).toBeVisible();

  await page.route("**/status", (route) =>
    route.fulfill({ status: 403, contentType: "text/html", body: "<h1>The door is shut</h1>" }),
  );
  await page.getByRole("switch").click();
  const problem = page.locator("[data-toasts] [data-toast=danger]");
  await expect(problem).toBeVisible();
  await page.clock.runFor(60_000);
  await expect(news).toHaveCount(0);
  await expect(problem).toBeVisible();
});

test("the list of problems leads to each field, on whichever tab it stands", async ({
  signedIn: page,
  product,
}) => {
  await edit(page, product);
  await page.locator("input[name=name]").fill(" leading blank");
  await page.locator("input[name=tokenExpiresInAmount]").fill("soon");
  await page.keyboard.press("Control+s");
  await expect(page.locator("input[name=name]")).toBeFocused();
  await page.locator("[data-problems]").getByRole("link", { name: "Token Expires In" }).click();
  await expect(page.locator("input[name=tokenExpiresInAmount]")).toBeFocused();

  const wrong = await page.request.get(`${product.console}/gallery/wrong`);
  await page.route("**/gallery/wrong", async (route) =>
    route.fulfill({ status: 422, contentType: "text/html", body: await wrong.text() }),
  );
  questions(page);
  await page.goto(`${product.console}/gallery/form`);
  const tabs = page.getByRole("navigation", { name: "Policy" });
  const first = page.locator("input[name=name]");
  await tabs.getByRole("link", { name: "Error messages" }).click();
  await expect(page.getByLabel("Content type")).toBeVisible();
  await expect(first).toBeHidden();
  await page.reload();
  await expect(page.getByLabel("Content type")).toBeVisible();
  await page.getByLabel("Content type").fill("text/plain");
  await page.keyboard.press("Control+s");
  await expect(first).toBeFocused();
  await expect(page.getByLabel("Content type")).toBeHidden();
});

test("fields that do not matter now are hidden and keep what was typed", async ({
  signedIn: page,
  product,
}) => {
  await edit(page, product);
  const expiry = page.locator("input[name=tokenExpiresInAmount]");
  const header = page.locator("input[name=userHeaderName]");
  await expiry.fill("45");
  await page.getByLabel("Token Never Expires").check();
  await expect(expiry).toBeHidden();
  await page.getByLabel("Token Never Expires").uncheck();
  await expect(expiry).toBeVisible();
  await expect(expiry).toHaveValue("45");
  await expect(header).toBeHidden();
  await page.getByLabel("Add Client Info to Header").check();
  await expect(header).toBeVisible();
});

test("j and k go from row to row, x ticks and Enter opens", async ({ signedIn: page, product }) => {
  await page.clock.install();
  const [a = "", b = ""] = await policies(page, product, "a", "b", "c");
  const link = (name: string) => page.getByRole("link", { name, exact: true });
  await page.keyboard.press("j");
  await expect(link(a)).toBeFocused();
  await page.keyboard.press("j");
  await expect(link(b)).toBeFocused();
  await page.keyboard.press("k");
  await expect(link(a)).toBeFocused();
  await page.keyboard.press("x");
  await expect(page.getByText("1 row selected")).toBeVisible();
  await expect(page.getByRole("checkbox", { name: `Select ${a}` })).toBeChecked();
  await page.keyboard.press("x");
  await expect(page.locator("[data-bulk]")).toBeHidden();

  // "g" begins a way to another page, and is forgotten when nothing follows it.
  await page.keyboard.press("g");
  await page.clock.runFor(2000);
  await page.keyboard.press("j");
  await expect(link(b)).toBeFocused();

  // What is typed is typed.
  const search = page.getByRole("searchbox");
  await search.fill("");
  await search.pressSequentially("gp/jx");
  await expect(search).toHaveValue("gp/jx");

  await link(b).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(b);
});

test("what is ticked is deactivated together, and nothing else", async ({ signedIn: page, product }) => {
  const [a = "", b = "", c = ""] = await policies(page, product, "a", "b", "c");
  const tick = (name: string) => page.getByRole("checkbox", { name });
  const bar = page.locator("[data-bulk]");
  await expect(bar).toBeHidden();
  await tick("Select all rows").check();
  await expect(bar.getByText("3 rows selected")).toBeVisible();
  await bar.getByRole("button", { name: "Clear" }).click();
  await expect(bar).toBeHidden();
  await expect(tick("Select all rows")).not.toBeChecked();

  await tick(`Select ${a}`).check();
  await tick(`Select ${b}`).check();
  await expect(bar.getByText("2 rows selected")).toBeVisible();
  await expect(tick("Select all rows")).toHaveJSProperty("indeterminate", true);
  await bar.getByRole("button", { name: "Deactivate" }).click();
  await expect(page.locator("[data-toast]").first()).toContainText("2 policies");
  const state = (name: string) => page.getByRole("switch", { name: `${name} active` });
  await expect(state(a)).toHaveAttribute("aria-checked", "false");
  await expect(state(b)).toHaveAttribute("aria-checked", "false");
  await expect(state(c)).toHaveAttribute("aria-checked", "true");
});

test("a switch in a row keeps the focus, and can be turned back at once", async ({
  signedIn: page,
  product,
}) => {
  const [, b = ""] = await policies(page, product, "a", "b");
  const row = page.getByRole("row", { name: b });
  const control = row.getByRole("switch");
  await control.focus();
  for (const [checked, words] of [
    ["false", "is passive now"],
    ["true", "is active now"],
  ] as const) {
    const fresh = await replaced(row);
    await page.keyboard.press("Space");
    await expect(page.getByText(`${b} ${words}`)).toBeVisible();
    await fresh();
    await expect(control).toHaveAttribute("aria-checked", checked);
    await expect(control).toBeFocused();
  }
  await page.reload();
  await expect(control).toHaveAttribute("aria-checked", "true");
});

test("a lane is ordered by keyboard and by dragging", async ({ signedIn: page, product }) => {
  const name = unique("lane");
  const develop = `${product.console}/projects/Demo/proxies/${name}/develop`;
  await post(page, `${product.console}/projects/Demo/new/proxies`, {
    name,
    basePath: `/${name}`,
    upstreamUrl: "http://127.0.0.1:1",
  });
  const names = [unique("one"), unique("two"), unique("three")];
  for (const each of names) {
    await policy(page, product, each);
    await page.goto(`${product.console}/projects/Demo/proxies/${name}/bindings/new?pipeline=REQUEST`);
    await page.getByRole("button", { name: `Add ${each}` }).click();
    await expect(page).toHaveURL(develop);
  }
  const [one = "", two = "", three = ""] = names;
  const items = page.locator("[data-sort-item]");
  const inOrder = async (...wanted: string[]) => {
    await expect(items).toHaveCount(wanted.length);
    for (const [i, each] of wanted.entries()) await expect(items.nth(i)).toContainText(each);
  };

  let fresh = await replaced(page.locator("main > *").first());
  await page.getByRole("button", { name: `Move ${two} up` }).press("Enter");
  await fresh();
  await inOrder(two, one, three);
  // It is the first now: up leads nowhere, and the focus is on the button that does something.
  await expect(page.getByRole("button", { name: `Move ${two} up` })).toBeDisabled();
  await expect(page.getByRole("button", { name: `Move ${two} down` })).toBeFocused();

  fresh = await replaced(page.locator("main > *").first());
  const middle = async (part: Locator) => {
    const box = await part.boundingBox();
    return { x: (box?.x ?? 0) + (box?.width ?? 0) / 2, y: (box?.y ?? 0) + (box?.height ?? 0) / 2 };
  };
  const from = await middle(items.nth(0).locator("[data-sort-handle]"));
  const below = await items.nth(2).boundingBox();
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(from.x, (below?.y ?? 0) + (below?.height ?? 0) + 2, { steps: 8 });
  await page.mouse.up();
  await fresh();
  await inOrder(one, three, two);
  await page.reload();
  await inOrder(one, three, two);
});

test("menus and dialogs close with Escape and give the focus back", async ({ signedIn: page, product }) => {
  await page.goto(`${product.console}/projects/Demo/policies/${type}?q=demo-jwt`);
  const opener = page.getByRole("button", { name: "Actions for demo-jwt" });
  const entry = (name: string) => page.locator("[data-menu]:popover-open").getByText(name);
  const menu = page.locator("[data-menu]:popover-open");
  await opener.press("ArrowDown");
  await expect(menu.getByRole("link", { name: "Edit" })).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(menu.getByRole("link", { name: "Duplicate" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(menu).toHaveCount(0);
  await expect(opener).toBeFocused();

  // What is dangerous asks in a dialog, and waits for the name.
  await opener.click();
  await entry("Delete").click();
  const dialog = page.getByRole("dialog");
  const confirm = dialog.getByRole("textbox");
  const remove = dialog.getByRole("button", { name: "Delete policy" });
  await expect(confirm).toBeFocused();
  await expect(remove).toBeDisabled();
  await page.keyboard.type("demo-jw");
  await expect(remove).toBeDisabled();
  await page.keyboard.type("t");
  await expect(remove).toBeEnabled();
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(opener).toBeFocused();
  await opener.click();
  await entry("Delete").click();
  await dialog.getByRole("link", { name: "Cancel" }).click();
  await expect(dialog).toHaveCount(0);
  await expect(opener).toBeFocused();

  await page.keyboard.press("Control+k");
  const search = page.getByRole("combobox", { name: "Search and go to" });
  await expect(search).toBeFocused();
  await search.fill("nothing has this name");
  await expect(page.getByText("Nothing is called “nothing has this name”.")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(search).toBeHidden();
  await expect(opener).toBeFocused();

  await page.goto(`${product.console}/gallery`);
  await page.getByRole("button", { name: "Show the key" }).press("Enter");
  await expect(page.getByRole("dialog", { name: "Key of orders" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog", { name: "Key of orders" })).toBeHidden();
  await expect(page.getByRole("button", { name: "Show the key" })).toBeFocused();
});

test("on a phone the menu is a drawer that opens, closes and leads somewhere", async ({
  signedIn: page,
  product,
}) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${product.console}/projects/Demo/proxies`);
  const drawer = page.getByRole("navigation", { name: "Main menu" });
  const opener = page.getByRole("button", { name: "Menu", exact: true });
  await expect(drawer).toBeHidden();
  await opener.click();
  await expect(drawer.getByRole("link", { name: "API Proxies" })).toBeInViewport({ ratio: 1 });
  await page.keyboard.press("Escape");
  await expect(drawer).toBeHidden();
  await expect(opener).toBeFocused();
  await opener.click();
  await drawer.getByRole("link", { name: "JWT Authentication" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("JWT Authentication");
  await expect(drawer).toBeHidden();
});

test("without JavaScript the drawer opens, ticks bring the bar, and every field is in sight", async ({
  signedIn,
  product,
  browser,
}) => {
  const context = await browser.newContext({
    javaScriptEnabled: false,
    storageState: await signedIn.context().storageState(),
    viewport: { width: 390, height: 844 },
  });
  const page = await context.newPage();
  await page.goto(`${product.console}/projects/Demo/policies/${type}?q=demo-jwt`);
  await page.getByRole("button", { name: "Menu", exact: true }).click();
  await expect(page.getByRole("navigation", { name: "Main menu" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Deactivate" })).toBeHidden();
  await page.getByRole("checkbox", { name: "Select demo-jwt" }).check();
  await expect(page.getByRole("button", { name: "Deactivate" })).toBeVisible();
  await page.goto(`${product.console}/projects/Demo/new/policies/${type}`);
  await expect(page.locator("input[name=userHeaderName]")).toBeVisible();
  await expect(page.getByRole("button", { name: "Search and go to" })).toBeHidden();
  await context.close();
});

test("the theme changes at once and stays", async ({ signedIn: page, product }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto(`${product.console}/projects/Demo/proxies`);
  const ink = () => page.evaluate(() => getComputedStyle(document.body).color);
  const choose = async (name: string) => {
    const remembered = page.waitForResponse(/\/preferences\/theme$/);
    await page.getByRole("button", { name: "Theme" }).click();
    await page.getByRole("button", { name, exact: true }).click();
    await remembered;
  };
  const html = page.locator("html");
  const light = await ink();
  await choose("Dark");
  await expect(html).toHaveAttribute("data-theme", "dark");
  await expect.poll(ink).not.toBe(light);
  await page.reload();
  await expect(html).toHaveAttribute("data-theme", "dark");
  // Back, for whoever comes after with the same account.
  await choose("As the system");
  await expect.poll(ink).toBe(light);
  await page.reload();
  await expect(html).not.toHaveAttribute("data-theme");
});

test("a copy button copies and says so, or says that it could not", async ({ signedIn: page, product }) => {
  await page.clock.install();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(`${product.console}/projects/Demo/proxies/echo`);
  const button = page.getByRole("button", { name: "Copy the client id" });
  const id = await button.getAttribute("data-copy");
  await expect(page.getByText(id ?? "").first()).toBeVisible();
  await page.clock.pauseAt(Date.now() + 60_000);
  await button.click();
  await expect(page.getByRole("button", { name: "Copied" })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(id);
  await page.clock.runFor(5000);
  await expect(button).toBeVisible();

  // Browsers give the clipboard to secure pages only, and a console may be on plain HTTP.
  await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
  await button.click();
  await expect(page.getByText("The browser did not allow copying.")).toBeVisible();
});

test("the first Tab leads past the menu to the content", async ({ signedIn: page, product }) => {
  await page.goto(`${product.console}/projects/Demo/proxies`);
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to the content" });
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport({ ratio: 1 });
  await page.keyboard.press("Enter");
  await expect(page.locator("main")).toBeFocused();
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.closest("main") !== null)).toBe(true);
});
