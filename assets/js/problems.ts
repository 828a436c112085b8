import { content, on } from "./content.ts";
import { reveal } from "./tabs.ts";

/** Puts the cursor into the first wrong field, and into the one that a line of the summary names. */
export function watchProblems(): void {
  on<HTMLAnchorElement>("click", "[data-problems] a, [data-problem-links] a", (link, event) => {
    const field = document.getElementById(link.hash.slice(1));
    if (!field) return;
    event.preventDefault();
    show(field);
  });
  content.watch((root) => {
    const summary = root.matches("[data-problems]")
      ? root
      : root.querySelector<HTMLElement>("[data-problems]");
    if (!summary) return;
    const form = summary.closest("form") ?? root;
    const first =
      form.querySelector<HTMLElement>("[autofocus]") ?? // where the server puts the cursor without a script
      form.querySelector<HTMLElement>("[aria-invalid=true], .Cards.is-wrong");
    show(first ?? summary);
  });
}

function show(element: HTMLElement): void {
  reveal(element);
  for (let at = element.closest("details"); at; at = at.parentElement?.closest("details") ?? null)
    at.open = true;
  element.focus({ preventScroll: true });
  element.scrollIntoView({ block: "center" });
}
