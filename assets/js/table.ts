import { content, every, on, plural } from "./content.ts";

/** Counts ticked rows in their bar, ticks all of them, and clears them. */
export function watchTables(): void {
  on<HTMLInputElement>("change", "input[data-select]", (box) => refresh(box.dataset.select ?? ""));
  on<HTMLInputElement>("change", "input[data-select-all]", (all) =>
    tick(all.dataset.selectAll ?? "", all.checked),
  );
  on<HTMLButtonElement>("click", "[data-bulk-clear]", (button) => tick(button.form?.id ?? "", false));
  content.watch((root) => {
    for (const bar of every<HTMLFormElement>(root, "form[data-bulk]")) refresh(bar.id);
  });
}

function boxes(id: string): HTMLInputElement[] {
  return [...document.querySelectorAll<HTMLInputElement>(`input[data-select="${CSS.escape(id)}"]`)];
}

function tick(id: string, checked: boolean): void {
  for (const box of boxes(id)) box.checked = checked;
  refresh(id);
}

function refresh(id: string): void {
  const all = boxes(id);
  const ticked = all.filter((b) => b.checked).length;
  const words = document.querySelector(`#${CSS.escape(id)} [data-bulk-count]`);
  if (words) words.textContent = ticked === 0 ? "" : plural(ticked, "row selected", "rows selected");
  const head = document.querySelector<HTMLInputElement>(`input[data-select-all="${CSS.escape(id)}"]`);
  if (!head) return;
  head.checked = ticked > 0 && ticked === all.length;
  head.indeterminate = ticked > 0 && ticked < all.length;
}
