// What journeys have in common: steps that a person takes in the console, and
// the calls of programs outside.
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import type { Page } from "@playwright/test";
import { expect } from "./fixtures.ts";
import type { Product } from "./product.ts";

const type = "policy-auth-jwt";

export interface Pair {
  id: string;
  secret: string;
}

export interface Upstream {
  url: string;
  close: () => void;
}

/** upstream is a real API: it answers with the method, path and headers that arrived. */
export async function upstream(): Promise<Upstream> {
  const server = createServer((req, res) => {
    res.setHeader("Content-Type", "application/json");
    res.setHeader("X-Powered-By", "upstream");
    res.end(JSON.stringify({ method: req.method, path: req.url, headers: req.headers }));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}/api`, close };
}

export interface Node {
  url: string;
  stop: (signal?: NodeJS.Signals) => Promise<void>;
}

/** serve starts a gateway node beside the product, as the environment's page says. */
export async function serve(product: Product, environment: string): Promise<Node> {
  const child: ChildProcess = spawn(
    resolve(import.meta.dirname, "../build/gatewright"),
    ["gateway", `--data-dir=${product.dir}`, `--gateway=${environment}=127.0.0.1:0`, "--ops-addr="],
    { env: { PATH: process.env.PATH, HOME: process.env.HOME } },
  );
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  let output = "";
  const url = await new Promise<string>((found, failed) => {
    child.stdout?.on("data", (b) => {
      output += b;
      const address = /Gateway\s+(\S+)/.exec(output)?.[1];
      if (address !== undefined) found(address);
    });
    child.stderr?.on("data", (b) => {
      output += b;
    });
    void ended.then(() => failed(new Error(output)));
  });
  return {
    url,
    stop: (signal = "SIGTERM") => {
      child.kill(signal);
      return ended;
    },
  };
}

/** fits sees that the page does not scroll sideways on a phone. */
export async function fits(page: Page): Promise<void> {
  await page.setViewportSize({ width: 390, height: 844 });
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow, "the page scrolls sideways on a phone").toBeLessThanOrEqual(0);
  await page.setViewportSize({ width: 1440, height: 900 });
}

/** createProxy makes a proxy at /name and reads the key pair that is shown this once. */
export async function createProxy(page: Page, product: Product, name: string, api: string): Promise<Pair> {
  await page.goto(`${product.console}/projects/Default/new/proxies`);
  await page.locator("input[name=name]").fill(name);
  await page.locator("input[name=basePath]").fill(`/${name}`);
  await page.locator("input[name=upstreamUrl]").fill(api);
  await page.getByRole("button", { name: "Create proxy" }).click();
  await expect(page.getByText("Copy the client secret now")).toBeVisible();
  return {
    id: await copied(page, "Copy the client id"),
    secret: await copied(page, "Copy the client secret"),
  };
}

/** copied is the text beside a button that copies it. */
export async function copied(page: Page, button: string): Promise<string> {
  return page
    .locator(".CopyText", { has: page.getByRole("button", { name: button, exact: true }) })
    .locator("code")
    .innerText();
}

/** guard adds a local policy to the proxy's request lane; fill completes its form. */
export async function guard(
  page: Page,
  product: Product,
  proxy: string,
  fill: (field: Field) => Promise<void>,
): Promise<void> {
  await page.goto(
    `${product.console}/projects/Default/proxies/${proxy}/bindings/new/${type}?pipeline=REQUEST`,
  );
  const field: Field = (name) => page.locator(`form.Form [name="${name}"]`);
  await field("name").fill(`${proxy}-jwt`);
  await fill(field);
  await page.locator("[data-save]").click();
  await expect(page.getByRole("link", { name: `${proxy}-jwt` })).toBeVisible();
}

/** Field finds a control of a form by its name. */
export type Field = (name: string) => ReturnType<Page["locator"]>;

/** deploy puts the proxy, or another kind of owner, live in production. */
export async function deploy(
  page: Page,
  product: Product,
  owner: string,
  kind: "proxies" | "proxy-groups" = "proxies",
): Promise<void> {
  await page.goto(`${product.console}/projects/Default/${kind}/${owner}/deploy/production`);
  await page
    .getByRole("button", { name: /^(Deploy|Redeploy)/ })
    .last()
    .click();
  await expect(page.getByText("Taken over by 1 gateway node.")).toBeVisible();
}

/** createCredential makes a credential with a generated secret that may use the proxy. */
export async function createCredential(
  page: Page,
  product: Product,
  name: string,
  proxy: string,
  fill: (field: Field) => Promise<void> = async () => {},
): Promise<Pair> {
  await page.goto(`${product.console}/projects/Default/new/credentials`);
  const field: Field = (n) => page.locator(`#credential-form [name="${n}"]`);
  await field("username").fill(name);
  await fill(field);
  await page.getByRole("button", { name: "Create credential" }).click();
  await expect(page.getByText("Copy the secret now")).toBeVisible();
  const pair = { id: await copied(page, "Copy the name"), secret: await copied(page, "Copy the secret") };
  expect(pair.id).toBe(name);
  await page.getByRole("link", { name: "Grant access to an API" }).click();
  await expect(page.locator("[name=credentials]")).toHaveValue(name);
  await page.locator("[name=proxies]").fill(proxy);
  await page.getByRole("button", { name: "Grant access" }).click();
  await expect(page.getByText("In force").first()).toBeVisible();
  return pair;
}

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of several kinds, read by what each journey expects
  body: any;
}

/** ask sends a token request to /auth/jwt. */
export async function ask(product: Product, parameters: Record<string, string>): Promise<Answer> {
  return answer(
    await fetch(`${product.gateway}/auth/jwt`, { method: "POST", body: new URLSearchParams(parameters) }),
  );
}

/** clientToken asks for a client's own token. */
export async function clientToken(product: Product, pair: Pair): Promise<Answer> {
  return ask(product, { grant_type: "client_credentials", client_id: pair.id, client_secret: pair.secret });
}

/** call calls the API at a path with an access token. */
export async function call(
  product: Product,
  path: string,
  token: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return answer(
    await fetch(product.gateway + path, { headers: { ...headers, Authorization: `Bearer ${token}` } }),
  );
}

async function answer(response: Response): Promise<Answer> {
  const text = await response.text();
  try {
    return { status: response.status, body: JSON.parse(text) };
  } catch {
    return { status: response.status, body: text };
  }
}

/** claims reads a token's claims, as anybody who holds it can. */
export function claims(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}
