// The product under test: the built binary with a data directory of its own,
// on ports that the system chooses.
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const binary = resolve(import.meta.dirname, "../build/gatewright");

/** The administrator's password, unless a journey is about the generated one. */
const password = "eleven quiet llamas";

export interface Options {
  dir?: string;
  demo?: boolean;
  dev?: boolean;
  gateway?: string;
  console?: string;
  /** Let the first start generate the password that it prints. */
  generatePassword?: boolean;
  /** Further flags. */
  args?: string[];
  /** Further environment. */
  env?: Record<string, string>;
}

export class Product {
  console = "";
  gateway = "";
  password = "";
  /** The demo's shell lines, without their "$ ". */
  lines: string[] = [];
  output = "";
  errors = "";
  private exit: Promise<number>;

  private constructor(
    readonly dir: string,
    readonly process: ChildProcess,
  ) {
    this.exit = new Promise((done) => process.once("exit", (code) => done(code ?? -1)));
    process.stdout?.on("data", (b) => {
      this.output += b;
    });
    process.stderr?.on("data", (b) => {
      this.errors += b;
    });
  }

  /** start runs `gatewright serve` and waits for its banner. */
  static async start(o: Options = {}): Promise<Product> {
    const dir = o.dir ?? newDir();
    const args = [
      "serve",
      `--data-dir=${dir}`,
      `--console-addr=${o.console ?? "127.0.0.1:0"}`,
      `--gateway=${o.gateway ?? "production=127.0.0.1:0"}`,
      "--ops-addr=127.0.0.1:0",
      "--demo-addr=127.0.0.1:0",
    ];
    if (o.demo) args.push("--demo");
    if (o.dev) args.push("--dev");
    args.push(...(o.args ?? []));
    const child = spawn(binary, args, {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        ...(o.generatePassword ? {} : { GATEWRIGHT_ADMIN_PASSWORD: password }),
        ...o.env,
      },
    });
    const p = new Product(dir, child);
    await p.banner();
    return p;
  }

  private async banner(): Promise<void> {
    const complete = () => /Console {3}\S+\n[\s\S]*\n\n$/.test(this.output);
    while (!complete()) {
      const ended = await Promise.race([
        this.exit,
        new Promise<undefined>((go) => this.process.stdout?.once("data", () => go(undefined))),
      ]);
      if (ended !== undefined)
        throw new Error(`gatewright ended with ${ended}:\n${this.output}${this.errors}`);
    }
    this.console = /Console\s+(\S+)/.exec(this.output)?.[1] ?? "";
    this.gateway = /Gateway\s+(\S+)/.exec(this.output)?.[1] ?? "";
    this.password = /with the password (\S+)/.exec(this.output)?.[1] ?? password;
    this.lines = [...this.output.matchAll(/^\$ (.*)$/gm)].map((m) => m[1] ?? "");
  }

  /** stop sends a signal and returns the exit code. */
  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<number> {
    this.process.kill(signal);
    return this.exit;
  }

  /** remove stops the product and deletes its data. */
  async remove(): Promise<void> {
    if (this.process.exitCode === null) await this.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** newDir is a directory that the database's own account can enter too. */
export function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "gatewright-e2e-"));
  chmodSync(dir, 0o755);
  return dir;
}
