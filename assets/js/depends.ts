import { content, every, on } from "./content.ts";

/** Shows fields while the field they depend on has one of some values. They keep what was typed while hidden. */
export function watchDepends(): void {
  on<HTMLInputElement>("input", "form :is(input, select)", (control) => {
    if (control.form) update(control.form);
  });
  content.watch((root) => {
    const forms = new Set(every(root, "[data-depends]").map((e) => e.closest("form")));
    for (const form of forms) if (form) update(form);
  });
}

function update(form: HTMLFormElement): void {
  for (const block of form.querySelectorAll<HTMLElement>("[data-depends]")) {
    const holds = (block.dataset.depends ?? "").split(",").every((part) => test(form, part.trim()));
    block.toggleAttribute("data-off", !holds);
  }
}

/** One condition: "name=value|other", turned round by a leading "!". */
function test(form: HTMLFormElement, part: string): boolean {
  const negated = part.startsWith("!");
  const [name = "", values = ""] = part.replace("!", "").split("=", 2);
  return values.split("|").includes(value(form, name)) !== negated;
}

/** What the form would send under a name; an unticked box counts as "false". */
function value(form: HTMLFormElement, name: string): string {
  const controls = [...form.elements].filter((e): e is HTMLInputElement => "name" in e && e.name === name);
  const sent = controls.find((c) => !["checkbox", "radio"].includes(c.type) || c.checked);
  return sent?.value ?? "false";
}
