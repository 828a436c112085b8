import { content, every, on } from "./content.ts";

/** Shows one panel of a form at a time. All of them are sent; the shown one is in the address. */
export function watchTabs(): void {
  on<HTMLAnchorElement>("click", "[data-tabs] a", (tab, event) => {
    const panel = panelOf(tab);
    if (!panel) return;
    event.preventDefault();
    select(panel);
    history.replaceState(history.state, "", tab.hash);
  });
  content.watch((root) => {
    if (every(root, "[data-tabs]").length === 0) return;
    const panel = document.getElementById(location.hash.slice(1));
    if (panel) reveal(panel);
  });
}

/** Brings an element to sight if it is on a panel that is not shown. */
export function reveal(element: HTMLElement): void {
  const panel = element.closest<HTMLElement>("[data-panel]");
  if (panel?.hasAttribute("data-off")) select(panel);
}

function panelOf(tab: HTMLAnchorElement): HTMLElement | null {
  const panel = document.getElementById(tab.hash.slice(1));
  return panel?.hasAttribute("data-panel") ? panel : null;
}

function select(panel: HTMLElement): void {
  const own = document.querySelector<HTMLAnchorElement>(`[data-tabs] a[href="#${CSS.escape(panel.id)}"]`);
  for (const tab of own?.closest("[data-tabs]")?.querySelectorAll<HTMLAnchorElement>("a") ?? []) {
    if (tab === own) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
    panelOf(tab)?.toggleAttribute("data-off", tab !== own);
  }
}
