import { content, every, on } from "./content.ts";

/** Rules are dragged to another place, and what is typed while the tab is redrawn is not lost. */
export function watchConditions(): void {
  on<HTMLElement>("pointerdown", "[data-conditions] [data-handle]", (handle, event) =>
    drag(handle, event as PointerEvent),
  );
  on<HTMLInputElement>("keydown", "[data-conditions] input[data-aside]", tryIt);
  keepTyping();
  content.watch((root) => {
    // The form counts its changes again: rules came or went.
    for (const builder of every(root, "[data-conditions]"))
      builder.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

/** Enter in the sample request asks the condition; it does not save the policy. */
function tryIt(control: HTMLInputElement, event: Event): void {
  if ((event as KeyboardEvent).key !== "Enter") return;
  event.preventDefault();
  control.closest("[data-conditions]")?.querySelector<HTMLButtonElement>("[value='condition.test']")?.click();
}

interface Detail {
  target: HTMLElement;
  requestConfig?: { elt: HTMLElement };
}

/** A choice redraws the tab; letters that were typed into another field meanwhile are put back. */
function keepTyping(): void {
  const sent = new Map<string, string>();
  const typed = new Map<string, string>();
  listen("htmx:beforeRequest", ({ target }) => {
    sent.clear();
    for (const control of texts(target)) sent.set(control.name, control.value);
  });
  listen("htmx:beforeSwap", ({ target, requestConfig }) => {
    typed.clear();
    if (requestConfig?.elt instanceof HTMLButtonElement) return; // the names may mean other rules now
    for (const control of texts(target))
      if (sent.has(control.name) && sent.get(control.name) !== control.value)
        typed.set(control.name, control.value);
  });
  content.watch((root) => {
    for (const builder of every(root, "[data-conditions]")) {
      const put = new Map(typed);
      typed.clear();
      for (const control of texts(builder)) {
        const value = put.get(control.name);
        if (value === undefined || value === control.value) continue;
        control.value = value;
        // The control that asked for the sentence to be read again has gone, and its request with it. Not before this
        // answer has ended: a request in its way would be dropped.
        setTimeout(() => control.dispatchEvent(new Event("change", { bubbles: true })));
      }
    }
  });
}

function texts(builder: HTMLElement): HTMLInputElement[] {
  return [...builder.querySelectorAll<HTMLInputElement>("input[type=text], textarea")];
}

function listen(type: string, f: (detail: Detail) => void): void {
  document.addEventListener(type, (event) => {
    const { detail } = event as CustomEvent<Detail>;
    if (detail.target.matches("[data-conditions]")) f(detail);
  });
}

interface Place {
  list: Element;
  group: string;
  index: number;
}

/** Follows the pointer with a line where the rule would go, and asks the server to put it there. */
function drag(handle: HTMLElement, start: PointerEvent): void {
  const node = handle.closest<HTMLElement>("[data-node]");
  const builder = handle.closest<HTMLElement>("[data-conditions]");
  if (!node || !builder || start.button !== 0) return;
  start.preventDefault();
  const line = document.createElement("li");
  line.className = "Group-drop";
  let place: Place | null = null;
  const stop = new AbortController();
  const { signal } = stop;
  node.classList.add("is-moving");
  const end = (drop: boolean) => {
    stop.abort();
    line.remove();
    node.classList.remove("is-moving");
    if (drop && place) put(builder, node, place);
  };
  document.addEventListener(
    "pointermove",
    ({ clientX, clientY }) => {
      const edge = clientY < 80 ? -16 : clientY > innerHeight - 120 ? 16 : 0; // below the bar on top, above the one that saves
      if (edge) scrollBy(0, edge);
      place = placeAt(builder, node, clientX, clientY) ?? place;
      if (place) place.list.insertBefore(line, rules(place.list)[place.index] ?? null);
    },
    { signal },
  );
  document.addEventListener("pointerup", () => end(true), { signal });
  document.addEventListener("pointercancel", () => end(false), { signal });
  document.addEventListener("keydown", (event) => event.key === "Escape" && end(false), { signal });
}

/** Where among the rules of the innermost group the pointer is. */
function placeAt(builder: HTMLElement, node: HTMLElement, x: number, y: number): Place | null {
  const group = document.elementFromPoint(x, y)?.closest<HTMLElement>("[data-group]");
  const list = group?.querySelector(":scope > ol");
  if (!group || !list || !builder.contains(group) || node.contains(group)) return null;
  const index = rules(list).filter((rule) => {
    const { top, height } = rule.getBoundingClientRect();
    return top + height / 2 < y;
  }).length;
  return { list, group: group.dataset.group ?? "", index };
}

function rules(list: Element): Element[] {
  return [...list.children].filter((child) => !child.matches(".Group-drop"));
}

function put(builder: HTMLElement, node: HTMLElement, { list, group, index }: Place): void {
  const own = node.parentElement ? rules(list).indexOf(node.parentElement) : -1;
  if (own >= 0 && (index === own || index === own + 1)) return;
  const button = builder.querySelector<HTMLButtonElement>("[data-drop]");
  if (!button) return;
  button.value = `${button.dataset.drop}condition.place:${node.dataset.node}:${group}:${index}`;
  button.click();
}
