import { openPalette } from "./palette.ts";

/** Two keys after each other lead to a page: the second must follow within this many milliseconds. */
const patience = 1200;

let first = "";
let forget: ReturnType<typeof setTimeout> | undefined;

/** Watches for "/" and Ctrl-K, for two-key navigation, and for j, k and x in tables. */
export function watchKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (
      event.key.toLowerCase() === "k" &&
      (event.ctrlKey || event.metaKey) &&
      !event.shiftKey &&
      !event.altKey
    ) {
      event.preventDefault();
      openPalette();
      return;
    }
    if (busy(event)) return;
    if (event.key === "/") {
      event.preventDefault();
      openPalette();
    } else if (!go(event.key)) {
      row(event);
    }
  });
}

/** Says whether the keys belong to something else: a text being typed, a dialog, a shortcut of the browser. */
function busy(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return true;
  if (document.querySelector("dialog[open], [popover]:popover-open")) return true;
  const target = event.target as HTMLElement;
  if (target instanceof HTMLInputElement)
    return !["checkbox", "radio", "button", "submit"].includes(target.type);
  return target.isContentEditable || target.matches("textarea, select");
}

/** Follows the menu entry whose data-keys end with this key, or remembers the key as the first of two. */
function go(key: string): boolean {
  clearTimeout(forget);
  const keys = first ? `${first} ${key}` : "";
  first = "";
  const link = keys && document.querySelector<HTMLAnchorElement>(`a[data-keys="${CSS.escape(keys)}"]`);
  if (link) {
    link.click();
    return true;
  }
  if (!/^[a-z]$/.test(key) || !document.querySelector(`a[data-keys^="${key} "]`)) return false;
  first = key;
  forget = setTimeout(() => {
    first = "";
  }, patience);
  return true;
}

/** j and k move from row to row, x ticks the row; Enter follows the link that has the focus by itself. */
function row(event: KeyboardEvent): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]:has([data-open])")];
  const current = document.activeElement?.closest<HTMLElement>("[data-row]") ?? null;
  if (event.key === "x") {
    current?.querySelector<HTMLInputElement>("input[data-select]")?.click();
    return;
  }
  if (event.key !== "j" && event.key !== "k") return;
  const at = current ? rows.indexOf(current) : -1;
  const next = event.key === "j" ? rows[at + 1] : rows[Math.max(at - 1, 0)];
  next?.querySelector<HTMLElement>("[data-open]")?.focus();
}
