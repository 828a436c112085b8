import { content, on } from "./content.ts";

/** Opens a page's form in a dialog, and holds a dangerous button back until the name is typed. */
export function watchDialogs(): void {
  on<HTMLAnchorElement>("click", "a[data-dialog]", (link, event) => {
    const { ctrlKey, metaKey, shiftKey, button } = event as MouseEvent;
    if (ctrlKey || metaKey || shiftKey || button !== 0) return;
    event.preventDefault();
    void open(link.href);
  });
  on<HTMLElement>("click", "dialog [data-dialog-close]", (button, event) => {
    event.preventDefault();
    button.closest("dialog")?.close();
  });
  on<HTMLInputElement>("input", "[data-confirm-name]", hold);
  content.watch((root) => {
    root.querySelectorAll<HTMLInputElement>("[data-confirm-name]").forEach(hold);
  });
  if (!("command" in HTMLButtonElement.prototype)) watchCommands();
}

/** Loads the address and shows its form; whatever is not such a page is simply gone to. */
async function open(address: string): Promise<void> {
  const form = await load(address);
  if (!form) {
    location.assign(address);
    return;
  }
  // The menu first: the dialog gives the focus back to what had it, and that must not be a hidden entry.
  document.querySelector<HTMLElement>("[popover]:popover-open")?.hidePopover();
  show(form);
}

async function load(address: string): Promise<Element | null> {
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return null;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.querySelector("[data-dialog-content]");
  } catch {
    return null;
  }
}

function show(form: Element): void {
  const dialog = document.createElement("dialog");
  dialog.className = "Dialog";
  dialog.setAttribute("aria-labelledby", form.getAttribute("aria-labelledby") ?? "");
  dialog.append(document.importNode(form, true));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  content.arrived(dialog);
}

function hold(input: HTMLInputElement): void {
  const button = input.form?.querySelector<HTMLButtonElement>("[data-confirm-submit]");
  if (button) button.disabled = input.value !== input.dataset.confirmName;
}

/** Stands in for the command attribute where the browser does not know it yet. */
function watchCommands(): void {
  on<HTMLButtonElement>("click", "button[commandfor]", (button) => {
    const target = document.getElementById(button.getAttribute("commandfor") ?? "");
    if (target instanceof HTMLDialogElement) target.showModal();
  });
}
