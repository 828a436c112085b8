import { on } from "./content.ts";

/** Says what the chosen option means, and applies a filter as it is chosen. */
export function watchSelects(): void {
  on<HTMLSelectElement>("change", "select[data-describe]", (select) => {
    const words = select.closest(".Field-control")?.querySelector(".Field-choice");
    if (words) words.textContent = select.selectedOptions[0]?.dataset.text ?? "";
  });
  on<HTMLSelectElement>("change", "select[data-autosubmit]", (select) => select.form?.requestSubmit());
}
