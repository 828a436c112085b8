import { content, every, on } from "./content.ts";

/** Shows fields while the field they depend on has one of some values. They keep what was typed while hidden. */
export function watchDepends(): void {
  on<HTMLInputElement>("input", "form :is(input, select, textarea)", (control) => {
    if (control.form) update(control.form);
  });
  content.watch((root) => {
    const forms = new Set(every(root, "[data-depends]").map((e) => e.closest("form")));
    for (const form of forms) if (form) update(form);
  });
}

function update(form: HTMLFormElement): void {
  for (const block of form.querySelectorAll<HTMLElement>("[data-depends]")) {
    const ways = (block.dataset.depends ?? "").split(";");
    const holds = ways.some((way) => way.split(",").every((part) => test(form, part.trim())));
    block.toggleAttribute("data-off", !holds);
  }
  for (const control of form.querySelectorAll<HTMLInputElement>("[data-placeholder-of]"))
    example(form, control);
}

/** Shows the placeholder that goes with the value of another field: "data-placeholder-" and the value has it. */
function example(form: HTMLFormElement, control: HTMLInputElement): void {
  const chosen = value(form, control.dataset.placeholderOf ?? "");
  control.placeholder = control.getAttribute(`data-placeholder-${chosen.toLowerCase()}`) ?? "";
}

/** One condition: "name=value|other", or "^=" for how the text begins and "$=" for how it ends; turned round by a leading "!". */
function test(form: HTMLFormElement, part: string): boolean {
  const [, negated, name = "", how = "", values = ""] = /^(!?)(.*?)([\^$]?)=(.*)$/s.exec(part) ?? [];
  const text = value(form, name);
  const edge = text.trim().toLowerCase();
  const holds = values.split("|").some((wanted) => {
    if (how === "^") return edge.startsWith(wanted);
    if (how === "$") return edge.endsWith(wanted);
    return text === wanted;
  });
  return holds !== (negated === "!");
}

/** What the form would send under a name; an unticked box counts as "false". */
function value(form: HTMLFormElement, name: string): string {
  const controls = [...form.elements].filter((e): e is HTMLInputElement => "name" in e && e.name === name);
  const sent = controls.find((c) => !["checkbox", "radio"].includes(c.type) || c.checked);
  return sent?.value ?? "false";
}
