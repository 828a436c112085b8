import { on } from "./content.ts";

/** Orders a list by dragging or by its buttons, then posts the new order through the list's form, if it has one. */
export function watchSorting(): void {
  on<HTMLButtonElement>("click", "[data-sort-up]", (button, event) => step(button, event, -1));
  on<HTMLButtonElement>("click", "[data-sort-down]", (button, event) => step(button, event, 1));
  on<HTMLElement>("pointerdown", "[data-sort-handle]", (handle, event) =>
    drag(handle, event as PointerEvent),
  );
}

function items(list: Element): HTMLElement[] {
  return [...list.querySelectorAll<HTMLElement>("[data-sort-item]")];
}

function step(button: HTMLButtonElement, event: Event, by: -1 | 1): void {
  const item = button.closest<HTMLElement>("[data-sort-item]");
  const other = by < 0 ? item?.previousElementSibling : item?.nextElementSibling;
  if (!item || !other) return;
  event.preventDefault();
  if (by < 0) other.before(item);
  else other.after(item);
  submit(item, button);
}

/** Moves the item under the pointer; the order is posted when it is let go somewhere else. */
function drag(handle: HTMLElement, start: PointerEvent): void {
  const item = handle.closest<HTMLElement>("[data-sort-item]");
  const list = item?.parentElement;
  if (!item || !list || start.button !== 0) return;
  start.preventDefault();
  const before = items(list).indexOf(item);
  const stop = new AbortController();
  item.classList.add("is-moving");
  // On the document: a captured pointer is lost when its element moves in the tree.
  document.addEventListener("pointermove", (event) => follow(list, item, event.clientY), {
    signal: stop.signal,
  });
  const end = () => {
    stop.abort();
    item.classList.remove("is-moving");
    if (items(list).indexOf(item) !== before) submit(item, null);
  };
  document.addEventListener("pointerup", end, { signal: stop.signal });
  document.addEventListener("pointercancel", end, { signal: stop.signal });
}

function follow(list: Element, item: HTMLElement, y: number): void {
  const next = items(list).find((other) => {
    const { top, height } = other.getBoundingClientRect();
    return other !== item && y < top + height / 2;
  });
  if (next) next.before(item);
  else list.append(item);
}

function submit(item: HTMLElement, button: HTMLButtonElement | null): void {
  const list = item.closest<HTMLElement>("[data-sort-list]");
  if (!list) return;
  const all = items(list);
  all.forEach((each, i) => {
    toggle(each, "[data-sort-up]", i === 0);
    toggle(each, "[data-sort-down]", i === all.length - 1);
  });
  // The button keeps the focus unless it has nowhere further to go.
  const target = button?.disabled
    ? item.querySelector<HTMLElement>("[data-sort-up]:enabled, [data-sort-down]:enabled")
    : button;
  target?.focus();
  const status = list.querySelector("[data-sort-status]");
  if (status) status.textContent = `${item.dataset.label} is now ${all.indexOf(item) + 1} of ${all.length}`;
  const form = document.getElementById(list.dataset.sortForm ?? "");
  if (form instanceof HTMLFormElement) form.requestSubmit();
  else item.dispatchEvent(new Event("input", { bubbles: true })); // a list inside a form is sent with it
}

function toggle(item: HTMLElement, selector: string, disabled: boolean): void {
  const button = item.querySelector<HTMLButtonElement>(selector);
  if (button) button.disabled = disabled;
}
