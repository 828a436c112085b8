import { content, on } from "./content.ts";

const row = "[data-error-row]";

/** Renews previews while somebody types, and puts placeholders into templates. */
export function watchErrors(): void {
  on<HTMLElement>("input", row, (changed, event) => {
    // Rules that arrive are drawn with their preview.
    if (event.target instanceof Element && event.target.matches("[data-conditions]")) return;
    renew(changed);
    // What answers everything changes the answer of every row.
    if (!changed.matches("details"))
      document.querySelectorAll<HTMLElement>(`details[open]${row}`).forEach(renew);
  });
  document.addEventListener("toggle", ({ target }) => opened(target as HTMLElement), true);
  content.watch((root) => {
    const around = root.closest<HTMLElement>(row);
    if (!around) return;
    if (root.matches("[data-conditions]")) renew(around);
    mark(around);
  });
  hold("htmx:beforeSend", true);
  hold("htmx:afterRequest", false);
  watchPlaceholders();
}

/** Tells the preview that it is stale: htmx then asks for it once the typing pauses. */
function renew(changed: HTMLElement): void {
  changed.querySelector("[data-error-preview]")?.dispatchEvent(new Event("stale"));
}

function opened(details: HTMLElement): void {
  if (!(details instanceof HTMLDetailsElement) || !details.matches(row) || !details.open) return;
  if (details.querySelector("[data-error-preview]")?.childElementCount === 0) renew(details);
}

/** The problems of templates are renewed beside them; the editors are not, as somebody types there. */
function mark(around: HTMLElement): void {
  for (const slot of around.querySelectorAll<HTMLElement>("[data-slot]")) {
    const editor = document.getElementById(slot.dataset.slot ?? "");
    if (slot.childElementCount > 0) editor?.setAttribute("aria-invalid", "true");
    else editor?.removeAttribute("aria-invalid");
  }
}

/** A row that a button changes takes no input until it is back: the answer would replace what was typed meanwhile. */
function hold(type: string, held: boolean): void {
  document.addEventListener(type, (event) => {
    const { target } = (event as CustomEvent<{ target: HTMLElement }>).detail;
    if (target.matches(row)) target.inert = held;
  });
}

/** One list of placeholders serves all templates of the page: the button that opened it says which one. */
function watchPlaceholders(): void {
  let editor: HTMLElement | null = null;
  on<HTMLElement>("click", "[data-placeholders]", (button) => {
    editor = document.getElementById(button.dataset.placeholders ?? "");
  });
  on<HTMLElement>("click", "[data-placeholder]", (button) => {
    if (!(editor instanceof HTMLTextAreaElement)) return;
    const { selectionStart, selectionEnd } = editor;
    editor.setRangeText(button.dataset.placeholder ?? "", selectionStart, selectionEnd, "end");
    editor.dispatchEvent(new Event("input", { bubbles: true }));
    button.closest<HTMLElement>("[popover]")?.hidePopover();
    editor.focus();
  });
}
