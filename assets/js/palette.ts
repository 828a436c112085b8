import { on } from "./content.ts";

interface Place {
  label: string;
  href: string;
  kind?: string;
  hint?: string;
}

const dialog = document.querySelector<HTMLDialogElement>("dialog[data-palette]");
const input = dialog?.querySelector<HTMLInputElement>("[data-palette-input]");
const list = dialog?.querySelector<HTMLElement>("[data-palette-list]");
const status = dialog?.querySelector<HTMLElement>("[data-palette-status]");

let asked: AbortController | undefined;
let pause: ReturnType<typeof setTimeout> | undefined;
let opener: Element | null = null;

/** Opens the palette with what the menu offers. */
export function openPalette(): void {
  if (!dialog || !input || dialog.open) return;
  opener = document.activeElement;
  document.querySelector<HTMLElement>("[popover]:popover-open")?.hidePopover();
  input.value = "";
  show(menu(""), "");
  dialog.showModal();
}

/** The palette is a text box with a list: arrows choose, Enter goes, the list is asked for while typing. */
export function watchPalette(): void {
  if (!dialog || !input || !list) return;
  on("click", "[data-palette-open]", openPalette);
  on<HTMLElement>("click", "[data-palette-href]", (option, event) => {
    const { ctrlKey, metaKey } = event as MouseEvent;
    go(option, ctrlKey || metaKey);
  });
  input.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(() => void ask(input.value.trim()), 80);
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      choose(options().indexOf(chosen() as HTMLElement) + step);
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      go(chosen(), event.ctrlKey || event.metaKey);
    }
  });
  dialog.addEventListener("close", () => {
    asked?.abort();
    if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
  });
}

async function ask(query: string): Promise<void> {
  asked?.abort();
  asked = new AbortController();
  const pages = menu(query);
  if (!query) {
    show(pages, query);
    return;
  }
  try {
    const asks = new URLSearchParams({ q: query, project: dialog?.dataset.project ?? "" });
    const address = `${dialog?.dataset.palette}?${asks}`;
    const answer = await fetch(address, { signal: asked.signal, headers: { Accept: "application/json" } });
    const found = answer.ok ? ((await answer.json()) as Place[]) : [];
    const known = new Set(pages.map((p) => p.href));
    show([...pages, ...found.filter((p) => !known.has(p.href))], query);
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "AbortError")) show(pages, query);
  }
}

/** The menu's own pages that match: they need no server. */
function menu(query: string): Place[] {
  const wanted = query.toLowerCase();
  return [...document.querySelectorAll<HTMLAnchorElement>("#side-menu a")]
    .map((a) => ({
      label: a.textContent?.trim() ?? "",
      href: a.getAttribute("href") ?? "",
      kind: "Page",
      hint: a.dataset.keys ?? "",
    }))
    .filter((p) => p.label.toLowerCase().includes(wanted));
}

function show(places: Place[], query: string): void {
  if (!list || !status || !input) return;
  list.replaceChildren(...places.map(option));
  status.textContent = places.length === 0 ? `Nothing is called “${query}”.` : "";
  input.ariaExpanded = String(places.length > 0);
  choose(0);
}

function option(place: Place, index: number): HTMLElement {
  const item = document.createElement("li");
  item.className = "Palette-option";
  item.id = `palette-option-${index}`;
  item.role = "option";
  item.dataset.paletteHref = place.href;
  item.append(
    text("Palette-label", place.label),
    text("Palette-hint", place.hint ?? ""),
    text("Palette-kind", place.kind ?? ""),
  );
  return item;
}

function text(className: string, words: string): HTMLElement {
  const span = document.createElement("span");
  span.className = className;
  span.textContent = words;
  return span;
}

function options(): HTMLElement[] {
  return [...(list?.querySelectorAll<HTMLElement>("[role=option]") ?? [])];
}

function chosen(): HTMLElement | undefined {
  return options().find((o) => o.ariaSelected === "true");
}

function choose(index: number): void {
  const all = options();
  const next = all[(index + all.length) % Math.max(all.length, 1)];
  for (const o of all) o.ariaSelected = String(o === next);
  next?.scrollIntoView({ block: "nearest" });
  if (next) input?.setAttribute("aria-activedescendant", next.id);
  else input?.removeAttribute("aria-activedescendant");
}

function go(option: HTMLElement | undefined, newTab: boolean): void {
  const address = option?.dataset.paletteHref;
  // Only our own pages: what the server found may carry names that somebody typed.
  if (!address?.startsWith("/") || address.startsWith("//")) return;
  if (newTab) open(address, "_blank", "noopener");
  else location.assign(address);
}
