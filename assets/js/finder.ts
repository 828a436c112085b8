import { on, plural } from "./content.ts";

/**
 * A search beside a field of names, one a line: a text box with a list, where arrows choose and Enter puts the name into
 * the field or takes it out. The focus stays in the box, so that several are chosen in a row.
 */
export function watchFinders(): void {
  on<HTMLInputElement>("input", "[data-finder-input]", (input) => later(finderOf(input)));
  on<HTMLInputElement>("focusin", "[data-finder-input]", (input) => void ask(finderOf(input)));
  on<HTMLInputElement>("keydown", "[data-finder-input]", (input, event) =>
    press(finderOf(input), event as KeyboardEvent),
  );
  on<HTMLElement>("mousedown", "[data-finder-found]", (_, event) => event.preventDefault());
  on<HTMLElement>("click", "[data-finder-list] [role=option]", (option) => {
    const finder = finderOf(option);
    go(finder, option);
    toggle(finder, option);
  });
  on<HTMLElement>("focusout", "[data-finder]", (finder, event) => {
    if (!finder.contains((event as FocusEvent).relatedTarget as Node | null)) close(finder);
  });
}

let pause: ReturnType<typeof setTimeout> | undefined;
let asked: AbortController | undefined;

const finderOf = (part: Element) => part.closest<HTMLElement>("[data-finder]") as HTMLElement;
const part = <E extends HTMLElement>(finder: Element, name: string) =>
  finder.querySelector<E>(`[data-finder-${name}]`) as E;
const options = (finder: Element) => [
  ...finder.querySelectorAll<HTMLElement>("[data-finder-list] [role=option]"),
];
const current = (finder: Element) => options(finder).find((o) => o.hasAttribute("data-current"));
const field = (id = "") => document.getElementById(id) as HTMLTextAreaElement | null;

function names(area: HTMLTextAreaElement | null): string[] {
  const lines = area?.value.split("\n") ?? [];
  return lines.map((l) => l.trim()).filter(Boolean);
}

const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

/** Until the answer is there the list is of what was typed before, and Enter must not choose from it. */
function later(finder: HTMLElement): void {
  finder.toggleAttribute("data-behind", true);
  asked?.abort();
  clearTimeout(pause);
  pause = setTimeout(() => void ask(finder), 120);
}

/** Shows what the server finds. Who has access already it knows only of one name on the other side. */
async function ask(finder: HTMLElement): Promise<void> {
  asked?.abort();
  asked = new AbortController();
  const input = part<HTMLInputElement>(finder, "input");
  const others = names(field(finder.dataset.with));
  const query = new URLSearchParams({
    q: input.value.trim(),
    with: others.length === 1 ? (others[0] ?? "") : "",
  });
  try {
    const answer = await fetch(`${finder.dataset.finder}?${query}`, { signal: asked.signal });
    if (!answer.ok || answer.redirected) {
      close(finder);
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (document.activeElement === input) show(finder, page.querySelector("ul"));
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "AbortError")) close(finder);
  }
}

function show(finder: HTMLElement, found: HTMLElement | null): void {
  finder.toggleAttribute("data-behind", false);
  part(finder, "list").replaceChildren(
    ...[...(found?.children ?? [])].map((o) => document.importNode(o, true)),
  );
  const more = found?.dataset.more ?? "";
  part(finder, "more").textContent = more;
  part(finder, "found").hidden = false;
  part(finder, "input").ariaExpanded = String(options(finder).length > 0);
  mark(finder);
  go(finder, options(finder)[0]);
  say(finder, more || plural(options(finder).length, "name found.", "names found."));
}

function close(finder: HTMLElement): void {
  clearTimeout(pause);
  asked?.abort();
  part(finder, "found").hidden = true;
  part(finder, "input").ariaExpanded = "false";
  part(finder, "input").removeAttribute("aria-activedescendant");
}

/** Ticks what the field holds. */
function mark(finder: HTMLElement): void {
  const chosen = names(field(finder.dataset.into));
  for (const o of options(finder)) o.ariaSelected = String(chosen.some((n) => same(n, o.dataset.name ?? "")));
}

function go(finder: HTMLElement, option: HTMLElement | undefined): void {
  for (const o of options(finder)) o.toggleAttribute("data-current", o === option);
  const input = part(finder, "input");
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

function press(finder: HTMLElement, event: KeyboardEvent): void {
  const open = !part(finder, "found").hidden;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    const all = options(finder);
    if (!open) void ask(finder);
    else if (all.length > 0)
      go(finder, all[(all.indexOf(current(finder) as HTMLElement) + step + all.length) % all.length]);
  } else if (event.key === "Enter" && !event.isComposing) {
    // Never the form's: who chooses has not finished it.
    event.preventDefault();
    const option = current(finder);
    if (open && option && !finder.hasAttribute("data-behind")) toggle(finder, option);
  } else if (event.key === "Escape" && open) {
    event.preventDefault();
    close(finder);
  }
}

function toggle(finder: HTMLElement, option: HTMLElement): void {
  const area = field(finder.dataset.into);
  const name = option.dataset.name ?? "";
  if (!area) return;
  if (option.ariaDisabled !== null) {
    say(finder, `${name} has access already.`);
    return;
  }
  const before = names(area);
  const after = before.filter((n) => !same(n, name));
  const added = after.length === before.length;
  if (added) after.push(name);
  area.value = after.join("\n");
  area.dispatchEvent(new Event("input", { bubbles: true }));
  area.dispatchEvent(new Event("change", { bubbles: true }));
  area.scrollTop = area.scrollHeight;
  mark(finder);
  say(finder, `${name} ${added ? "added" : "taken out"}. ${plural(after.length, "name", "names")} in all.`);
}

/** Tells a screen reader, which does not see the field change. */
function say(finder: HTMLElement, words: string): void {
  part(finder, "status").textContent = words;
}
