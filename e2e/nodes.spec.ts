// What gateway nodes say of themselves: of the addresses of an API with several, and of each other where there are more.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Locator, Page } from "@playwright/test";
import { accessible, expect, picture, test } from "./fixtures.ts";
import type { Product } from "./product.ts";
import { deploy, fits, serve } from "./steps.ts";

/** An address of an API that says its name, and can go away and come back where it was. */
class Instance {
  private server: Server | undefined;
  port = 0;

  constructor(readonly name: string) {}

  async start(): Promise<void> {
    const server = createServer((_, res) => res.end(this.name));
    await new Promise<void>((done) => server.listen(this.port, "127.0.0.1", done));
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
  }

  async stop(): Promise<void> {
    const ended = new Promise<void>((done) => this.server?.close(() => done()));
    this.server?.closeAllConnections();
    await ended;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/v1`;
  }
}

/** asked is who answers that many calls, or the status of what was no answer of theirs. */
async function asked(product: Product, calls: number): Promise<string[]> {
  const names: string[] = [];
  for (let i = 0; i < calls; i++) {
    const response = await fetch(`${product.gateway}/stock/items`);
    names.push(response.status === 200 ? await response.text() : String(response.status));
  }
  return names.sort();
}

/** shows loads the page until the row of that name has the text. */
async function shows(page: Page, address: string, row: Locator, text: string | RegExp): Promise<void> {
  await expect(async () => {
    await page.goto(address);
    await expect(row).toContainText(text, { timeout: 1000 });
  }).toPass({ timeout: 60_000 });
}

test("one of two addresses goes away and comes back: calls go on, and the console says so", async ({
  signedIn: page,
  product,
}) => {
  const [first, second] = [new Instance("first"), new Instance("second")];
  await first.start();
  await second.start();
  const proxy = `${product.console}/projects/Default/proxies/stock`;

  await test.step("set up by form", async () => {
    await page.goto(`${product.console}/projects/Default/new/proxies`);
    await page.locator("input[name=name]").fill("stock");
    await page.locator("input[name=basePath]").fill("/stock");
    await page.locator("input[name=upstreamUrl]").fill(first.url);
    await page.getByRole("button", { name: "Add address" }).click();
    await page.locator('[name="further[0].url"]').fill(second.url);
    await page.locator("input[name=weight]").fill("200");
    await page.getByText("Failures, health check and retries").click();
    await page.getByRole("switch", { name: "Health check" }).check();
    await page.locator('[name="check.path"]').fill("/health");
    await page.locator('[name="check.interval"]').fill("200");
    await page.locator('[name="retry.count"]').fill("1");
    await page.getByRole("button", { name: "Create proxy" }).click();
    await expect(page.getByText("Copy the client secret now")).toBeVisible();
    await page.goto(proxy);
    await expect(page.getByText("It is not deployed: nodes watch its addresses once it is.")).toBeVisible();
  });

  const row = (i: Instance) =>
    page.getByRole("table", { name: "State of the addresses" }).getByRole("row", { name: i.url });

  await test.step("calls are spread by weight", async () => {
    await deploy(page, product, "stock");
    expect(await asked(product, 9)).toEqual([...Array(6).fill("first"), ...Array(3).fill("second")]);
    await shows(page, proxy, row(first), "Well");
    await expect(row(second)).toContainText("Well");
  });

  await test.step("one is killed: calls go on, and it is shown as down", async () => {
    await first.stop();
    expect(await asked(product, 12)).toEqual(Array(12).fill("second"));
    await shows(page, proxy, row(first), /The health check failed: .*Down/s);
    await expect(row(second)).toContainText("Well");
    await accessible(page);
    await fits(page);
    await picture(page, "addresses");
    await shows(
      page,
      `${product.console}/nodes`,
      page
        .getByRole("table", { name: "Addresses of APIs that are not well" })
        .getByRole("row", { name: first.url }),
      "Down",
    );
    await expect(page.getByText("1 of 2 not well")).toBeVisible();
    await accessible(page);
    await fits(page);
    await picture(page, "nodes-addresses");
    await page.getByRole("link", { name: "stock" }).click();
    await expect(page).toHaveURL(proxy);
  });

  await test.step("a deploy does not forget that", async () => {
    await page.goto(`${proxy}/edit`);
    await page.locator('[name="retry.count"]').fill("2");
    await page.locator("[data-save]").click();
    await expect(page.getByText("Not live yet: redeploy production")).toBeVisible();
    await deploy(page, product, "stock");
    await shows(page, proxy, row(first), "Down");
    expect(await asked(product, 6)).toEqual(Array(6).fill("second"));
  });

  await test.step("it comes back", async () => {
    await first.start();
    await shows(page, proxy, row(first), "Well");
    expect(await asked(product, 9)).toEqual([...Array(6).fill("first"), ...Array(3).fill("second")]);
  });
  await first.stop();
  await second.stop();
});

test("a second node joins, is stopped, and one that dies is shown as silent", async ({
  signedIn: page,
  product,
}) => {
  const nodes = `${product.console}/nodes`;
  const rows = page.getByRole("table", { name: "Gateway nodes" }).locator("tbody tr");
  const known = async () => {
    await page.goto(nodes);
    return rows.locator("th").allInnerTexts();
  };
  const [own] = await known();
  expect(own).toBeTruthy();

  const joined = async () => {
    const node = await serve(product, "production");
    let name = "";
    await expect(async () => {
      const others = (await known()).filter((n) => n !== own);
      expect(others).toHaveLength(1);
      name = others[0] ?? "";
    }).toPass({ timeout: 30_000 });
    return { node, row: rows.filter({ hasText: name }) };
  };

  await test.step("it joins and serves the same", async () => {
    const { node, row } = await joined();
    await expect(row).toContainText("Up to date");
    await expect(row).toContainText("the newest");
    await expect(row).toContainText("production");
    await expect(row).toContainText("Seconds ago");
    const [here, there] = await Promise.all([fetch(`${product.gateway}/echo`), fetch(`${node.url}/echo`)]);
    expect(there.status).toBe(here.status);
    expect(there.status).toBe(401);
    await accessible(page);
    await fits(page);
    await picture(page, "nodes-two");
    await node.stop();
    await expect(async () => expect(await known()).toEqual([own])).toPass({ timeout: 30_000 });
  });

  await test.step("one that dies without a word is silent, not gone", async () => {
    const { node, row } = await joined();
    await node.stop("SIGKILL");
    await shows(page, nodes, row, "Silent");
    await expect(row).toContainText("It ended without a word, or lost the database and serves what it had");
    await expect(row).not.toContainText("Seconds ago");
    await accessible(page);
    await picture(page, "nodes-silent");
  });
});
