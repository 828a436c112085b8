import { on } from "./content.ts";

/** Moves through menus with the arrows, and places popovers where the browser cannot tie them to their button. */
export function watchPopovers(): void {
  on<HTMLElement>("keydown", "[data-menu]", (menu, event) => move(menu, event as KeyboardEvent));
  // Opening with the keyboard lands on the first entry, as menus do elsewhere.
  on<HTMLElement>("keydown", "button[popovertarget]", (button, event) => {
    if ((event as KeyboardEvent).key !== "ArrowDown") return;
    const menu = document.getElementById(button.getAttribute("popovertarget") ?? "");
    if (!menu?.matches("[data-menu]")) return;
    event.preventDefault();
    menu.showPopover({ source: button } as never);
    entries(menu)[0]?.focus();
  });
  if (!CSS.supports("position-area", "block-end span-inline-end")) {
    document.addEventListener("toggle", (event) => place(event.target as HTMLElement), true);
  }
}

function entries(menu: HTMLElement): HTMLElement[] {
  return [...menu.querySelectorAll<HTMLElement>("a[href], button:not(:disabled)")];
}

function move(menu: HTMLElement, event: KeyboardEvent): void {
  const all = entries(menu);
  const at = all.indexOf(document.activeElement as HTMLElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  all[(to + all.length) % all.length]?.focus();
}

function place(popover: HTMLElement): void {
  if (!popover.matches(".Popover:popover-open")) return;
  const button = document.querySelector(`[popovertarget="${CSS.escape(popover.id)}"]`);
  if (!button) return;
  const { left, top, bottom } = button.getBoundingClientRect();
  const { width, height } = popover.getBoundingClientRect();
  const below = bottom + height + 12 < innerHeight;
  popover.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
  popover.style.top = `${below ? bottom : Math.max(8, top - height - 8)}px`;
}
