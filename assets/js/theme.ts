import { on } from "./content.ts";

/** Changes the theme at once; the server remembers it. */
export function watchTheme(): void {
  on<HTMLFormElement>("submit", "form[data-theme-form]", (form, event) => {
    const button = (event as SubmitEvent).submitter;
    if (!(button instanceof HTMLButtonElement)) return;
    event.preventDefault();
    apply(form, button);
    const body = new URLSearchParams({ theme: button.value, return: location.pathname });
    void fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => undefined);
    form.closest<HTMLElement>("[popover]")?.hidePopover();
  });
}

function apply(form: HTMLFormElement, chosen: HTMLButtonElement): void {
  const root = document.documentElement;
  if (chosen.value === "system") delete root.dataset.theme;
  else root.dataset.theme = chosen.value;
  for (const button of form.querySelectorAll("button")) button.ariaPressed = String(button === chosen);
  const icon = chosen.querySelector(".Icon")?.cloneNode(true);
  const menu = form.closest("[popover]");
  const opener = menu && document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`);
  if (icon) opener?.replaceChildren(icon);
}
