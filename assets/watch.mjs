// Builds the assets, and again whenever their source changes: a part of `make dev`.
import { spawn } from "node:child_process";
import { watch } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
let running = false;
let stale = false;

// One build at a time: a change during a build asks for one more after it.
function build() {
  if (running) {
    stale = true;
    return;
  }
  running = true;
  stale = false;
  spawn(process.execPath, [join(here, "build.mjs")], { stdio: "inherit" }).once("exit", () => {
    running = false;
    if (stale) build();
  });
}

for (const source of ["js", "css"]) watch(join(here, source), { recursive: true }, build);
build();
