import { content, every, on } from "./content.ts";

/** Offers words for a field that holds a list with commas: a click adds one or takes it out. */
export function watchSuggestions(): void {
  on<HTMLButtonElement>("click", "[data-suggestion]", (button) => {
    const input = inputOf(button);
    if (!input) return;
    const word = button.dataset.suggestion ?? "";
    const before = words(input);
    input.value = (before.includes(word) ? before.filter((w) => w !== word) : [...before, word]).join(", ");
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
  on<HTMLInputElement>("input", "input", (input) => {
    for (const box of document.querySelectorAll<HTMLElement>(`[data-suggestions="${CSS.escape(input.id)}"]`))
      mark(box);
  });
  content.watch((root) => {
    for (const box of every(root, "[data-suggestions]")) mark(box);
  });
}

function inputOf(element: HTMLElement): HTMLInputElement | null {
  const id = element.closest<HTMLElement>("[data-suggestions]")?.dataset.suggestions ?? "";
  const input = document.getElementById(id);
  return input instanceof HTMLInputElement ? input : null;
}

function words(input: HTMLInputElement): string[] {
  return input.value
    .split(",")
    .map((w) => w.trim())
    .filter(Boolean);
}

function mark(box: HTMLElement): void {
  const input = inputOf(box);
  const chosen = input ? words(input) : [];
  for (const button of box.querySelectorAll<HTMLElement>("[data-suggestion]")) {
    button.setAttribute("aria-pressed", String(chosen.includes(button.dataset.suggestion ?? "")));
  }
}
