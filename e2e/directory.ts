// A real OpenLDAP with the demonstration people of engine/identity/ldaptest,
// lent by build/ldapserver for as long as its standard input stays open.
import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";

const binary = resolve(import.meta.dirname, "../build/ldapserver");

interface Description {
  ldap: string;
  ldaps: string;
  ca: string;
  people: string;
  groups: string;
  bindDn: string;
  bindPassword: string;
  /** The password of every person. */
  password: string;
}

export class Directory {
  private constructor(
    readonly about: Description,
    private readonly process: ChildProcess,
  ) {}

  /** open starts the server and waits until it answers. */
  static async open(): Promise<Directory> {
    const child = spawn(binary, { stdio: ["pipe", "pipe", "inherit"] });
    let line = "";
    for await (const part of child.stdout) {
      line += part;
      if (line.endsWith("\n")) return new Directory(JSON.parse(line), child);
    }
    throw new Error(`${binary} ended before it described its directory`);
  }

  async close(): Promise<void> {
    const ended = new Promise((done) => this.process.once("exit", done));
    this.process.stdin?.end();
    await ended;
  }
}
