import { content, every } from "./content.ts";

type Control = HTMLInputElement | HTMLTextAreaElement;

/** What stands in the secrets of a form whose answer is taking its place, by form and name. */
const typed = new Map<string, string>();

/**
 * Keeps what was typed into controls with data-keep when their form is drawn anew: the server draws the rest as it was
 * typed, and sends no secret back.
 */
export function watchKept(): void {
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target } = (event as CustomEvent<{ target: HTMLElement }>).detail;
    for (const control of secrets(target)) typed.set(key(control), control.value);
  });
  content.watch((root) => {
    for (const control of secrets(root)) {
      control.value ||= typed.get(key(control)) ?? "";
      typed.delete(key(control));
    }
  });
}

function secrets(root: HTMLElement): Control[] {
  return every<Control>(root, "form [data-keep]");
}

function key(control: Control): string {
  return `${control.form?.id} ${control.name}`;
}
