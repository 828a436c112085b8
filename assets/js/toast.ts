import { content, every, on } from "./content.ts";

/** How long good news stays, in milliseconds. Warnings and problems stay until they are dismissed. */
const lifetime = 8000;

export function watchToasts(): void {
  on("click", "[data-dismiss]", (button) => button.closest("[data-toast]")?.remove());
  content.watch((root) => every(root, "[data-toasts] [data-toast]").forEach(expire));
}

/** Shows a message that the page itself has to say. */
export function toast(tone: "danger", text: string): void {
  const template = document.querySelector<HTMLTemplateElement>("template[data-toast-template]");
  const item = template?.content.firstElementChild?.cloneNode(true) as HTMLElement | undefined;
  const words = item?.querySelector(".Toast-text");
  if (!item || !words) return;
  item.dataset.toast = tone;
  words.textContent = text;
  add(item);
}

/** Takes over the messages of a page that was loaded in the background. */
export function adoptToasts(page: Document): void {
  for (const item of page.querySelectorAll<HTMLElement>("[data-toasts] [data-toast]")) {
    add(document.importNode(item, true));
  }
}

function add(item: HTMLElement): void {
  document.querySelector("[data-toasts]")?.append(item);
  expire(item);
}

/** Removes good news after a while, but not under the pointer or with the focus inside. */
function expire(item: HTMLElement): void {
  if (["warning", "danger"].includes(item.dataset.toast ?? "") || item.dataset.expiring !== undefined) return;
  item.dataset.expiring = "";
  const timer = setInterval(() => {
    if (item.matches(":hover, :focus-within")) return;
    clearInterval(timer);
    item.remove();
  }, lifetime);
}
