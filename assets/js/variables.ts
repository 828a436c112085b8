import { content, every, on } from "./content.ts";
import { toast } from "./toast.ts";

declare const htmx: { ajax(verb: string, address: string, how: object): Promise<void> };

const id = "variable-chooser";

/**
 * Chooses the variable of a rule in a dialog, or makes a new one there. What is behind stays as it is typed: the dialog
 * stands outside its form and fills in one field at the end.
 */
export function watchVariables(): void {
  on<HTMLElement>("click", "[data-variables]", (button) => void open(button));
  on<HTMLElement>("click", "[data-variable-choices] tbody tr", (row) => {
    const name = row.querySelector<HTMLElement>("[data-variable]");
    if (name) choose(name.dataset.variable ?? "", name.dataset.type ?? "");
  });
  on<HTMLElement>("input", "[data-variable-search]", (search) => {
    delete dialogOf(search).dataset.wanted;
  });
  content.watch((root) => {
    for (const list of every(root, "[data-variable-choices]")) arrived(dialogOf(list));
    for (const made of every(root, "[data-variable-chosen]")) {
      choose(made.dataset.variableChosen ?? "", made.dataset.type ?? "");
    }
  });
}

const dialogOf = (part: Element) => part.closest("dialog") as HTMLDialogElement;
const search = (dialog: Element) => dialog.querySelector<HTMLInputElement>("[data-variable-search]");
const list = (dialog: Element) => dialog.querySelector<HTMLElement>("[data-variable-choices]");
const names = (dialog: Element) => [...dialog.querySelectorAll<HTMLElement>("[data-variable]")];

async function open(button: HTMLElement): Promise<void> {
  if (document.getElementById(id)) return;
  const dialog = document.createElement("dialog");
  dialog.id = id;
  dialog.className = "Dialog Dialog--wide";
  dialog.setAttribute("aria-labelledby", `${id}-title`);
  dialog.dataset.into = button.dataset.into;
  dialog.addEventListener("keydown", press);
  dialog.addEventListener("close", () => {
    dialog.remove();
    field(dialog)?.focus();
  });
  document.body.append(dialog);
  try {
    await htmx.ajax("GET", button.dataset.variables ?? "", { target: dialog, swap: "innerHTML" });
  } catch {
    // Said below, as for an answer that is no list.
  }
  if (search(dialog)) {
    dialog.showModal();
    return;
  }
  dialog.remove();
  if (!document.querySelector("dialog[open]"))
    toast("danger", "The list of variables did not come. Write the name into the field, or try again.");
}

function field(dialog: HTMLElement): HTMLInputElement | null {
  const found = document.getElementById(dialog.dataset.into ?? "");
  return found instanceof HTMLInputElement ? found : null;
}

function press(event: KeyboardEvent): void {
  const dialog = event.currentTarget as HTMLDialogElement;
  if (event.key.toLowerCase() === "s" && (event.ctrlKey || event.metaKey)) {
    // Not the form behind, which is not to be seen.
    event.preventDefault();
    event.stopPropagation();
    dialog.querySelector<HTMLFormElement>("[data-variable-form]")?.requestSubmit();
    return;
  }
  const input = search(dialog);
  if (!input || event.isComposing) return;
  if (event.key === "Enter" && event.target === input) go(event, dialog, 1);
  else if (event.key === "ArrowDown") go(event, dialog, 1);
  else if (event.key === "ArrowUp") go(event, dialog, -1);
}

/** Tells that the list is still of what was typed before: what comes next would take it away from under the cursor. */
function behind(dialog: Element): boolean {
  return list(dialog)?.dataset.query !== search(dialog)?.value.trim();
}

/** Moves between the search and the names, once the list is there. */
function go(event: KeyboardEvent, dialog: HTMLElement, step: number): void {
  event.preventDefault();
  if (behind(dialog)) {
    dialog.dataset.wanted = "";
    return;
  }
  const stops = [search(dialog), ...names(dialog)];
  const at = stops.indexOf(document.activeElement as HTMLInputElement);
  stops[Math.min(Math.max(at + step, 0), stops.length - 1)]?.focus();
}

function arrived(dialog: HTMLElement): void {
  if (dialog.dataset.wanted === undefined || behind(dialog)) return;
  delete dialog.dataset.wanted;
  names(dialog)[0]?.focus();
}

/** Puts the name into the field as if somebody had typed it, and the data type that goes with the variable beside it. */
function choose(name: string, type: string): void {
  const dialog = document.getElementById(id);
  if (!(dialog instanceof HTMLDialogElement)) return;
  const input = field(dialog);
  dialog.close();
  if (!input) return;
  offer(name);
  input.value = name;
  say(input);
  const kind = input.form?.elements.namedItem(input.name.replace(/first\.text$/, "type"));
  if (kind instanceof HTMLSelectElement && type && kind.value !== type) {
    kind.value = type;
    say(kind);
  }
}

function say(control: HTMLElement): void {
  control.dispatchEvent(new Event("input", { bubbles: true }));
  control.dispatchEvent(new Event("change", { bubbles: true }));
}

function offer(name: string): void {
  const list = document.getElementById("condition-variables") as HTMLDataListElement | null;
  if (list && ![...list.options].some((o) => o.value === name)) list.append(new Option(name));
}
