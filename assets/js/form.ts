import { content, every, on, plural } from "./content.ts";

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** Forms as they were when the page came, by id: a form that returns with errors still knows what was saved. */
const saved = new Map<string, Map<string, string>>();

/** The form whose answer is on its way; leaving the page with it is not losing anything. */
let leaving: HTMLFormElement | null = null;

/** Counts what changed in a form, saves it with Ctrl-S, and asks before changes are left behind. */
export function watchForms(): void {
  on<HTMLFormElement>("input", "form[data-form]", refresh);
  on<HTMLFormElement>("submit", "form[data-form]", (form) => {
    leaving = form;
  });
  on<HTMLFormElement>("reset", "form[data-form]", (form) => setTimeout(() => refresh(form)));
  on("click", "[data-discard]", (link) => {
    leaving = link.closest("form");
  });
  content.watch((root) => {
    for (const form of every<HTMLFormElement>(root, "form[data-form]")) {
      if (!saved.has(form.id)) saved.set(form.id, values(form));
      refresh(form);
    }
  });
  document.addEventListener("keydown", save);
  addEventListener("beforeunload", (event) => {
    if (forms().some((form) => form !== leaving && dirty(form))) event.preventDefault();
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) leaving = null;
  });
}

/** Says that a form's answer was no success, so that leaving asks again. */
export function stayed(): void {
  leaving = null;
}

function forms(): HTMLFormElement[] {
  return [...document.querySelectorAll<HTMLFormElement>("form[data-form]")];
}

function save(event: KeyboardEvent): void {
  if (event.key.toLowerCase() !== "s" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey)
    return;
  const form = document.activeElement?.closest<HTMLFormElement>("form[data-form]") ?? forms()[0];
  const button = form?.querySelector<HTMLButtonElement>("[data-save]");
  if (!form || !button) return;
  event.preventDefault();
  if (!button.disabled) form.requestSubmit(button);
}

function refresh(form: HTMLFormElement): void {
  const bar = form.querySelector<HTMLElement>("[data-savebar]");
  const text = bar?.querySelector<HTMLElement>("[data-changes]");
  const button = bar?.querySelector<HTMLButtonElement>("[data-save]");
  if (!bar || !text || !button) return;
  const n = changes(form);
  const unsaved = bar.hasAttribute("data-unsaved");
  const always = bar.hasAttribute("data-always");
  // A form that creates something has nothing to compare with: counting would only distract.
  const counted = n > 0 && !always ? plural(n, "change", "changes") : "";
  const words = counted || (unsaved ? "Not saved" : "");
  if (text.textContent?.trim() !== words) text.textContent = words;
  button.disabled = !always && !dirty(form);
}

/** Says whether leaving the form would lose something. */
function dirty(form: HTMLFormElement): boolean {
  return changes(form) > 0 || form.querySelector("[data-unsaved]") !== null;
}

/** How many fields differ from what was there at first. */
function changes(form: HTMLFormElement): number {
  const then = saved.get(form.id) ?? new Map<string, string>();
  const now = values(form);
  const names = new Set([...then.keys(), ...now.keys()]);
  return [...names].filter((name) => (then.get(name) ?? "") !== (now.get(name) ?? "")).length;
}

/** What the form would send, name by name; hidden values and what only a test takes are not the user's changes. */
function values(form: HTMLFormElement): Map<string, string> {
  const all = new Map<string, string>();
  for (const control of [...form.elements] as Control[]) {
    if (!control.name || control.type === "hidden" || control.type === "submit" || "aside" in control.dataset)
      continue;
    const ticked =
      !(control instanceof HTMLInputElement) ||
      !["checkbox", "radio"].includes(control.type) ||
      control.checked;
    if (ticked) all.set(control.name, `${all.get(control.name) ?? ""}${control.value}\n`);
  }
  return all;
}
