// Tells modules about elements that arrive: the page itself, what htmx swaps in, what a dialog loads.
type Arrival = (root: HTMLElement) => void;

const listeners: Arrival[] = [];

export const content = {
  /** Calls f with every new part of the page. */
  watch(f: Arrival): void {
    listeners.push(f);
  },
  /** Says that root is new. */
  arrived(root: HTMLElement): void {
    for (const f of listeners) f(root);
  },
};

document.addEventListener("htmx:afterSettle", (event) => {
  const { elt } = (event as CustomEvent<{ elt?: HTMLElement }>).detail;
  if (elt?.isConnected) content.arrived(elt);
});

// What comes beside the answer, such as a message, settles without a word: its event names the place it was put into.
document.addEventListener("htmx:oobAfterSwap", (event) => {
  content.arrived((event as CustomEvent<{ target: HTMLElement }>).detail.target);
});

/** Every element in root that matches, root itself included. */
export function every<E extends HTMLElement>(root: HTMLElement, selector: string): E[] {
  const inside = [...root.querySelectorAll<E>(selector)];
  return root.matches(selector) ? [root as E, ...inside] : inside;
}

/** Calls f with the element that carries the event, from the target outwards, if one matches. */
export function on<E extends HTMLElement>(
  type: string,
  selector: string,
  f: (element: E, event: Event) => void,
): void {
  document.addEventListener(type, (event) => {
    const found = event.target instanceof Element ? event.target.closest<E>(selector) : null;
    if (found) f(found, event);
  });
}

/** A count with its noun. */
export function plural(n: number, one: string, many: string): string {
  return n === 1 ? `1 ${one}` : `${n} ${many}`;
}
