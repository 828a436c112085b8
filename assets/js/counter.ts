import { content, every, on } from "./content.ts";

const selector = "textarea[data-count]";

/** Keeps "12 / 1000" under a text area. Too much can be typed; the server refuses it with words. */
export function watchCounters(): void {
  on<HTMLTextAreaElement>("input", selector, count);
  content.watch((root) => every<HTMLTextAreaElement>(root, selector).forEach(count));
}

function count(area: HTMLTextAreaElement): void {
  const shown = document.getElementById(area.dataset.count ?? "");
  if (!shown) return;
  const max = Number(area.dataset.max);
  const length = [...area.value].length;
  shown.textContent = `${length} / ${max}`;
  shown.classList.toggle("is-over", length > max);
}
