import { content, on } from "./content.ts";
import { adoptToasts, toast } from "./toast.ts";

/**
 * Forms with data-live are posted in the background. The server answers as to any form, with a redirect to the page
 * they stand on; its fresh content and its messages then take the place of the old, and the focus stays. A form that
 * htmx posts by itself is left to htmx.
 */
export function watchLive(): void {
  on<HTMLFormElement>("submit", "form[data-live]:not([hx-post])", (form, event) => {
    event.preventDefault();
    void post(form, (event as SubmitEvent).submitter);
  });
}

async function post(form: HTMLFormElement, submitter: HTMLElement | null): Promise<void> {
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  const undo = anticipate(submitter);
  try {
    const answer = await fetch(form.action, { method: "POST", body: fields(form, submitter) });
    await settle(answer, submitter, undo);
  } catch {
    undo();
    toast("danger", "The server did not answer. Nothing was changed.");
  } finally {
    form.ariaBusy = null;
  }
}

function fields(form: HTMLFormElement, submitter: HTMLElement | null): URLSearchParams {
  const data = new FormData(form, submitter?.getAttribute("type") === "submit" ? submitter : null);
  return new URLSearchParams([...data].map(([name, value]) => [name, String(value)]));
}

/** Moves a switch at once, and gives back how to move it back. */
function anticipate(button: HTMLElement | null): () => void {
  if (button?.role !== "switch") return () => {};
  const before = button.ariaChecked;
  button.ariaChecked = before === "true" ? "false" : "true";
  return () => {
    button.ariaChecked = before;
  };
}

async function settle(answer: Response, submitter: HTMLElement | null, undo: () => void): Promise<void> {
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!answer.ok) {
    undo();
    toast(
      "danger",
      `Nothing was changed. ${page.querySelector("h1")?.textContent ?? `The server answered ${answer.status}.`}`,
    );
    return;
  }
  const there = new URL(answer.url);
  if (there.pathname !== location.pathname) {
    location.assign(there);
    return;
  }
  const main = there.search === location.search ? page.querySelector("main") : await here();
  if (!main) {
    location.reload();
    return;
  }
  replace(main, submitter);
  adoptToasts(page);
}

/** The page as it is now under the address in the bar, with its filters. */
async function here(): Promise<HTMLElement | null> {
  const answer = await fetch(location.href);
  if (!answer.ok) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
}

function replace(fresh: HTMLElement, submitter: HTMLElement | null): void {
  const main = document.querySelector("main");
  if (!main) return;
  const name = (submitter ?? document.activeElement)?.ariaLabel;
  main.replaceChildren(...[...fresh.childNodes].map((n) => document.importNode(n, true)));
  content.arrived(main);
  const again = name && main.querySelector<HTMLElement>(`[aria-label="${CSS.escape(name)}"]`);
  if (again) again.focus({ preventScroll: true });
}
